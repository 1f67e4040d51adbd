//! One page that needs nothing else.
use std::fmt::{self, Write as _};

use super::{CaseReport, Counts, Outcome, Report, escape::Escaped};
use crate::{Category, Exchange, Message};

const STYLE: &str = include_str!("style.css");

impl Report {
    /// A page with all of it. It holds no script and loads nothing.
    pub fn to_html(&self) -> String {
        let mut html = String::new();
        // Writing to a String does not fail.
        self.write_html(&mut html).ok();
        html
    }

    fn write_html(&self, html: &mut String) -> fmt::Result {
        let registry = Escaped(&self.registry);
        writeln!(
            html,
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>OCI conformance of {registry}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
<h1>OCI distribution conformance</h1>"#
        )?;
        self.write_facts(html)?;
        self.write_overview(html)?;
        for (category, cases, counts) in self.categories() {
            write_category(html, category, &cases, counts)?;
        }
        writeln!(html, "</main>\n</body>\n</html>")
    }

    fn write_facts(&self, html: &mut String) -> fmt::Result {
        let Counts {
            passed,
            failed,
            skipped,
        } = self.counts();
        let (cases, checks, seconds) = (self.cases.len(), self.checks(), self.seconds);
        let verdict = if self.passed() { "pass" } else { "fail" };
        let (registry, started_at) = (Escaped(&self.registry), Escaped(&self.started_at));
        let (repo, repo2) = (&self.repo, &self.repo2);
        writeln!(
            html,
            r#"<p class="verdict {verdict}"><b>{passed}</b> passed, <b>{failed}</b> failed, <b>{skipped}</b> skipped</p>
<dl>
<dt>Registry</dt><dd><code>{registry}</code></dd>
<dt>Repositories</dt><dd><code>{repo}</code> and <code>{repo2}</code></dd>
<dt>Started</dt><dd>{started_at}</dd>
<dt>Extent</dt><dd>{cases} cases with {checks} checks in {seconds:.1} s</dd>
</dl>"#
        )
    }

    fn write_overview(&self, html: &mut String) -> fmt::Result {
        writeln!(
            html,
            "<table>\n<thead><tr><th>Category</th><th></th><th>Passed</th><th>Failed</th>\
             <th>Skipped</th></tr></thead>\n<tbody>"
        )?;
        for (
            category,
            _,
            Counts {
                passed,
                failed,
                skipped,
            },
        ) in self.categories()
        {
            let class = if failed > 0 { "fail" } else { "pass" };
            writeln!(
                html,
                "<tr class=\"{class}\"><td><a href=\"#{category}\">{category}</a></td><td>{}</td>\
                 <td>{passed}</td><td class=\"failed\">{failed}</td><td>{skipped}</td></tr>",
                Escaped(category.summary()),
            )?;
        }
        writeln!(html, "</tbody>\n</table>")
    }
}

fn write_category(
    html: &mut String,
    category: Category,
    cases: &[&CaseReport],
    Counts {
        passed,
        failed,
        skipped,
    }: Counts,
) -> fmt::Result {
    writeln!(
        html,
        "<section id=\"{category}\">\n<h2>{category} <small>{passed} passed, {failed} failed, \
         {skipped} skipped</small></h2>"
    )?;
    cases.iter().try_for_each(|case| write_case(html, case))?;
    writeln!(html, "</section>")
}

fn write_case(html: &mut String, case: &CaseReport) -> fmt::Result {
    let (word, class) = match &case.outcome {
        Outcome::Pass => ("Pass", "pass"),
        Outcome::Fail { .. } => ("Fail", "fail"),
        Outcome::Skip { .. } => ("Skip", "skip"),
    };
    let (title, clause, id) = (Escaped(case.title), Escaped(case.clause), Escaped(case.id));
    let (checks, seconds) = (case.checks, case.seconds);
    writeln!(
        html,
        "<article class=\"{class}\">\n<h3><span class=\"badge\">{word}</span> {title}</h3>\n\
         <p class=\"about\"><code>{id}</code> · {clause} · {checks} checks · {seconds:.2} s</p>"
    )?;
    let mut reasons = case.outcome.reasons().peekable();
    if reasons.peek().is_some() {
        writeln!(html, "<ul class=\"reasons\">")?;
        reasons.try_for_each(|reason| writeln!(html, "<li>{}</li>", Escaped(reason)))?;
        writeln!(html, "</ul>")?;
    }
    write_exchanges(html, case)?;
    writeln!(html, "</article>")
}

fn write_exchanges(html: &mut String, case: &CaseReport) -> fmt::Result {
    let (kept, sent) = (case.exchanges.len(), case.requests);
    if kept == 0 {
        return Ok(());
    }
    writeln!(
        html,
        "<details><summary>{kept} of {sent} requests and answers</summary>"
    )?;
    case.exchanges
        .iter()
        .try_for_each(|exchange| write_exchange(html, exchange))?;
    writeln!(html, "</details>")
}

fn write_exchange(html: &mut String, exchange: &Exchange) -> fmt::Result {
    let Exchange {
        number,
        method,
        url,
        request,
        status,
        answer,
    } = exchange;
    let status = status.map_or("no answer".to_owned(), |status| status.to_string());
    let (method, url) = (Escaped(method), Escaped(url));
    write!(
        html,
        "<details class=\"exchange\"><summary>#{number} {method} <code>{url}</code> \
         <b>{status}</b></summary>\n<pre>"
    )?;
    write_message(html, request)?;
    write!(html, "</pre>\n<pre>")?;
    write_message(html, answer)?;
    writeln!(html, "</pre>\n</details>")
}

fn write_message(html: &mut String, message: &Message) -> fmt::Result {
    let Message {
        headers,
        body,
        body_bytes,
    } = message;
    for (name, value) in headers {
        writeln!(html, "{}: {}", Escaped(name), Escaped(value))?;
    }
    match (body.as_str(), body_bytes) {
        ("", 0) => write!(html, "(no body)"),
        ("", bytes) => write!(html, "\n({bytes} bytes that are no text)"),
        (text, _) => write!(html, "\n{}", Escaped(text)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_shows_failures_and_escapes_everything() {
        let html = super::super::tests::example().to_html();
        assert!(html.starts_with("<!DOCTYPE html>"));
        assert!(html.contains("<b>1</b> passed, <b>1</b> failed, <b>1</b> skipped"));
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(html.contains("&lt;/pre&gt;&lt;/details&gt;"));
        assert!(html.contains("#1 PUT <code>http://localhost:5000/?a=1&amp;b=&#39;2&#39;</code>"));
        assert!(!html.contains("<script") && !html.contains("src=") && !html.contains("url("));
    }

    #[test]
    fn every_element_is_closed() {
        let html = super::super::tests::example().to_html();
        for element in [
            "main", "section", "article", "details", "pre", "ul", "table", "dl", "p",
        ] {
            let opened = html.matches(&format!("<{element}>")).count()
                + html.matches(&format!("<{element} ")).count();
            assert_eq!(
                opened,
                html.matches(&format!("</{element}>")).count(),
                "{element}"
            );
        }
    }
}
