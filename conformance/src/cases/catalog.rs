use futures::FutureExt as _;

use super::{Case, case};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::Cx,
    lists::Catalog,
};

pub(super) const CASES: &[Case] = &[
    case(
        "list",
        "The catalog has the repositories, in order",
        "extensions/_oci.md, Docker v2",
        |cx| list(cx).boxed(),
    ),
    case(
        "pages",
        "n, last and Link lead through the catalog",
        "Docker v2",
        |cx| pages(cx).boxed(),
    ),
    case("zero", "n=0 is refused or empty", "Docker v2", |cx| {
        zero(cx).boxed()
    }),
];

const PATH: &str = "/v2/_catalog";

fn repositories(answer: &Answer) -> Result<Vec<String>, Stop> {
    if [400, 401, 403, 404, 405, 501].contains(&answer.status) {
        return Err(answer.skip("there is no catalog"));
    }
    let catalog: Catalog = answer
        .expect(200)?
        .expect_type("application/json")?
        .json()?;
    Ok(catalog.repositories)
}

/// Something in both repositories, so that they exist.
async fn fill(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(64);
    cx.push_blob(cx.repo2(), &blob).await?;
    cx.pushed_image().await?;
    Ok(())
}

async fn list(cx: &Cx<'_>) -> Verdict {
    fill(cx).await?;
    let first = cx.get(PATH).send().await?;
    let mut all = Vec::new();
    cx.pages(first, |page| {
        all.extend(repositories(page)?);
        Ok(())
    })
    .await?;
    let own = cx.repo().as_str();
    let times = all.iter().filter(|name| *name == own).count();
    cx.ensure(times == 1, || {
        format!("the catalog lists {own} {times} times")
    });
    cx.ensure(all.is_sorted(), || "the catalog is not in order".to_owned());
    Ok(())
}

async fn pages(cx: &Cx<'_>) -> Verdict {
    fill(cx).await?;
    let first = cx.get(PATH).query("n", 1).send().await?;
    let names = repositories(&first)?;
    cx.ensure(names.len() == 1, || {
        format!("n=1 answered {} repositories", names.len())
    });
    let after = names.first().cloned().unwrap_or_default();
    let rest = repositories(
        &cx.get(PATH)
            .query("n", 1)
            .query("last", &after)
            .send()
            .await?,
    )?;
    cx.ensure(rest.first() > Some(&after), || {
        format!("after {after} comes {rest:?}")
    });
    let next = first
        .next_page()?
        .ok_or_else(|| Stop::skip("pages have no Link"))?;
    let second = repositories(&cx.get(&next).send().await?)?;
    cx.ensure(second == rest, || {
        format!("Link leads to {second:?}, last to {rest:?}")
    });
    Ok(())
}

async fn zero(cx: &Cx<'_>) -> Verdict {
    let answer = cx.get(PATH).query("n", 0).send().await?;
    if answer.status == 400 {
        return Ok(());
    }
    let names = repositories(&answer)?;
    cx.ensure(names.is_empty(), || {
        format!("n=0 answered {} repositories", names.len())
    });
    Ok(())
}
