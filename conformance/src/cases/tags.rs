use futures::FutureExt as _;
use wharf_types::Tag;

use super::{Case, case, pull::unknown_repository};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, manifest_path, tags_path},
    data::Document,
    lists::{TagList, tags_of},
};

pub(super) const CASES: &[Case] = &[
    case(
        "list",
        "The list has the repository's name and its tags",
        "end-8a",
        |cx| list(cx).boxed(),
    ),
    case("sorted", "The tags are in order", "end-8a", |cx| {
        sorted(cx).boxed()
    }),
    case("count", "n limits the list", "end-8b", |cx| {
        count(cx).boxed()
    }),
    case(
        "last",
        "last begins the list after that tag",
        "end-8b",
        |cx| last(cx).boxed(),
    ),
    case(
        "walk",
        "n and last together visit every tag once",
        "end-8b",
        |cx| walk(cx).boxed(),
    ),
    case(
        "link",
        "Link leads through every page",
        "end-8b, RFC 8288",
        |cx| link(cx).boxed(),
    ),
    case(
        "zero",
        "n=0 is an empty list without a Link",
        "end-8b",
        |cx| zero(cx).boxed(),
    ),
    case("huge", "A huge n does no harm", "end-8b", |cx| {
        huge(cx).boxed()
    }),
    case(
        "nonsense",
        "An n that is no number does no harm",
        "end-8b",
        |cx| nonsense(cx).boxed(),
    ),
    case(
        "last-unknown",
        "A page begins after a tag that is gone",
        "end-8b",
        |cx| last_unknown(cx).boxed(),
    ),
    case(
        "nothing",
        "An unknown repository has no list or an empty one",
        "end-8a",
        |cx| nothing(cx).boxed(),
    ),
    case(
        "by-digest",
        "A manifest pushed by its digest is no tag",
        "end-7a, end-8a",
        |cx| by_digest(cx).boxed(),
    ),
    case(
        "case",
        "Tags that differ in case are two tags",
        "Pull",
        |cx| letter_case(cx).boxed(),
    ),
    case(
        "longest",
        "A tag may have 128 characters of every kind",
        "Pull",
        |cx| longest(cx).boxed(),
    ),
];

/// An image with tags that nothing else sorts between, in order.
async fn tagged(cx: &Cx<'_>, count: usize) -> Result<(Document, Vec<String>), Stop> {
    let (image, tag) = cx.pushed_image().await?;
    let mut tags = vec![tag];
    for i in 1..count {
        tags.push(format!("{}-{i:02}", tags[0]));
    }
    for tag in tags.iter().skip(1) {
        cx.put_document(cx.repo(), tag, &image).await?.expect(201)?;
    }
    Ok((image, tags))
}

async fn page(cx: &Cx<'_>, n: usize, last: &str) -> Result<Answer, Stop> {
    cx.get(&tags_path(cx.repo()))
        .query("n", n)
        .query("last", last)
        .send()
        .await
}

async fn list(cx: &Cx<'_>) -> Verdict {
    let (_, tags) = tagged(cx, 3).await?;
    let answer = cx.get(&tags_path(cx.repo())).send().await?;
    cx.check(answer.expect(200)?.expect_type("application/json"));
    let list: TagList = answer.json()?;
    let own = cx.repo().as_str();
    cx.ensure(list.name == own, || {
        format!("the list is named {:?}, not {own:?}", list.name)
    });
    let listed = cx.all_tags(cx.repo()).await?;
    for tag in &tags {
        let times = listed.iter().filter(|known| *known == tag).count();
        cx.ensure(times == 1, || format!("tag {tag} is listed {times} times"));
    }
    Ok(())
}

async fn sorted(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    for suffix in ["9", "10", "b", "B", "_", ".x", "-x"] {
        let tag = format!("{tag}{suffix}");
        cx.put_document(cx.repo(), &tag, &image)
            .await?
            .expect(201)?;
    }
    let tags = cx.all_tags(cx.repo()).await?;
    let folded = |tag: &String| tag.to_lowercase();
    let in_order = tags.is_sorted() || tags.is_sorted_by_key(folded);
    cx.ensure(in_order, || {
        "the tags are in neither lexical nor ASCII order".to_owned()
    });
    Ok(())
}

/// A page may be shorter than asked for only if a `Link` leads on.
fn expect_page(answer: &Answer, expected: &[String]) -> Verdict {
    let got = tags_of(answer)?;
    let linked = answer.next_page()?.is_some() && !got.is_empty() && expected.starts_with(&got);
    if got == expected || linked {
        return Ok(());
    }
    Err(answer.fail(format!("expected the tags {expected:?}, got {got:?}")))
}

async fn count(cx: &Cx<'_>) -> Verdict {
    let (_, tags) = tagged(cx, 4).await?;
    let first = cx.get(&tags_path(cx.repo())).query("n", 2).send().await?;
    let got = tags_of(&first)?;
    cx.ensure(got.len() <= 2, || {
        format!("n=2 answered {} tags", got.len())
    });
    cx.check(expect_page(&page(cx, 2, &tags[0]).await?, &tags[1..3]));
    cx.check(expect_page(&page(cx, 1, &tags[2]).await?, &tags[3..4]));
    Ok(())
}

async fn last(cx: &Cx<'_>) -> Verdict {
    let (_, tags) = tagged(cx, 4).await?;
    let answer = cx
        .get(&tags_path(cx.repo()))
        .query("last", &tags[1])
        .send()
        .await?;
    let got = tags_of(&answer)?;
    for (position, tag) in tags.iter().enumerate() {
        let wanted = position > 1;
        let missing = || format!("last={} answered {tag}: {}", tags[1], !wanted);
        cx.ensure(got.contains(tag) == wanted, missing);
    }
    Ok(())
}

async fn walk(cx: &Cx<'_>) -> Verdict {
    let (_, tags) = tagged(cx, 7).await?;
    let mut seen = vec![tags[0].clone()];
    while seen.len() < tags.len() {
        let after = seen.last().cloned().unwrap_or_default();
        let answer = page(cx, 2, &after).await?;
        let got = tags_of(&answer)?;
        if got.is_empty() || got.contains(&after) {
            return Err(answer.fail(format!("expected the tags after {after}, got {got:?}")));
        }
        seen.extend(got);
    }
    seen.truncate(tags.len());
    cx.ensure(seen == tags, || {
        format!("expected {tags:?}, visited {seen:?}")
    });
    Ok(())
}

async fn link(cx: &Cx<'_>) -> Verdict {
    let (_, tags) = tagged(cx, 5).await?;
    let first = page(cx, 2, &tags[0]).await?;
    expect_page(&first, &tags[1..3])?;
    if first.next_page()?.is_none() {
        return Err(Stop::skip("pages have no Link: clients go on with last"));
    }
    let mut seen = Vec::new();
    cx.pages(first, |page| {
        let got = tags_of(page)?;
        if got.len() > 2 {
            return Err(page.fail(format!("a page of n=2 has {} tags", got.len())));
        }
        seen.extend(got);
        Ok(())
    })
    .await?;
    let own = |tag: &String| tags.contains(tag);
    seen.retain(own);
    cx.ensure(seen == tags[1..], || {
        format!("expected {:?}, visited {seen:?}", &tags[1..])
    });
    Ok(())
}

async fn zero(cx: &Cx<'_>) -> Verdict {
    cx.pushed_image().await?;
    let answer = cx.get(&tags_path(cx.repo())).query("n", 0).send().await?;
    let got = tags_of(&answer)?;
    cx.ensure(got.is_empty(), || {
        format!("n=0 answered {} tags", got.len())
    });
    let link = answer.header("link");
    cx.ensure(link.is_none(), || format!("n=0 answered Link {link:?}"));
    Ok(())
}

async fn huge(cx: &Cx<'_>) -> Verdict {
    let (_, tags) = tagged(cx, 2).await?;
    for n in ["100000", "2147483648", "99999999999999999999"] {
        let get = cx
            .get(&tags_path(cx.repo()))
            .query("n", n)
            .query("last", &tags[0]);
        let answer = get.send().await?;
        if answer.status == 400 {
            return Err(answer.skip(format!("n={n} is refused")));
        }
        let got = tags_of(&answer)?;
        cx.ensure(got.contains(&tags[1]), || {
            format!("n={n} leaves out {}", tags[1])
        });
    }
    Ok(())
}

async fn nonsense(cx: &Cx<'_>) -> Verdict {
    cx.pushed_image().await?;
    for n in ["-1", "many", "1.5", ""] {
        let answer = cx.get(&tags_path(cx.repo())).query("n", n).send().await?;
        cx.check(answer.expect_any(&[400, 200]));
    }
    Ok(())
}

async fn last_unknown(cx: &Cx<'_>) -> Verdict {
    let (_, tags) = tagged(cx, 3).await?;
    // Sorts after the second of them, and was never pushed.
    let answer = page(cx, 1, &format!("{}-x", tags[1])).await?;
    if (400..500).contains(&answer.status) {
        return Err(answer.skip("last must be a tag that exists"));
    }
    expect_page(&answer, &tags[2..3])
}

async fn nothing(cx: &Cx<'_>) -> Verdict {
    let answer = cx.get(&tags_path(&unknown_repository(cx)?)).send().await?;
    answer.expect_any(&[404, 200])?;
    if answer.status == 200 {
        let got = tags_of(&answer)?;
        cx.ensure(got.is_empty(), || {
            format!("an unknown repository has the tags {got:?}")
        });
    }
    Ok(())
}

async fn by_digest(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    cx.put_document(cx.repo(), image.digest.as_str(), &image)
        .await?
        .expect(201)?;
    for known in cx.all_tags(cx.repo()).await? {
        let valid = known.parse::<Tag>().is_ok();
        cx.ensure(valid, || format!("the list has {known:?}, which is no tag"));
    }
    cx.verify_document(&tag, &image).await
}

async fn letter_case(cx: &Cx<'_>) -> Verdict {
    let ((first, tag), (second, _)) = (cx.pushed_image().await?, cx.pushed_image().await?);
    let (lower, upper) = (format!("{tag}-a"), format!("{tag}-A"));
    cx.put_document(cx.repo(), &lower, &first)
        .await?
        .expect(201)?;
    cx.put_document(cx.repo(), &upper, &second)
        .await?
        .expect(201)?;
    cx.verify_document(&lower, &first).await?;
    cx.verify_document(&upper, &second).await
}

async fn longest(cx: &Cx<'_>) -> Verdict {
    let (image, _) = cx.pushed_image().await?;
    let tag = format!("_{}.Az-{}", cx.random().word(), "x".repeat(107));
    cx.ensure(tag.len() == 128, || {
        format!("the case's own tag has {} characters", tag.len())
    });
    let answer = cx.put_document(cx.repo(), &tag, &image).await?;
    cx.verify_stored(&answer, &image).await?;
    cx.verify_document(&tag, &image).await?;
    let listed = cx.all_tags(cx.repo()).await?;
    cx.ensure(listed.contains(&tag), || format!("the list lacks {tag}"));
    let too_long = format!("{tag}x");
    let answer = cx.put_document(cx.repo(), &too_long, &image).await?;
    cx.check(answer.expect_refusal());
    cx.check(
        cx.head(&manifest_path(cx.repo(), &too_long))
            .send()
            .await?
            .expect_any(&[404, 400]),
    );
    Ok(())
}
