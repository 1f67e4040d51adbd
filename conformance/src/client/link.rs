//! `Link`: <https://www.rfc-editor.org/rfc/rfc8288#section-3>.

/// The target of the link whose relation is `next`.
pub(crate) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let params = params_of(after);
        if params.iter().any(|param| is_next(param)) {
            return Some(target);
        }
        rest = after;
    }
}

/// The parameters up to the comma that ends the link, which no quotes surround.
fn params_of(text: &str) -> Vec<String> {
    let mut params = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => break,
            ';' if !quoted => params.push(String::new()),
            c => params
                .last_mut()
                .into_iter()
                .for_each(|param| param.push(c)),
        }
    }
    params
}

fn is_next(param: &str) -> bool {
    let Some((name, value)) = param.split_once('=') else {
        return false;
    };
    let mut relations = value.split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|r| r.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_however_it_is_written() {
        for header in [
            r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
            "</v2/a/tags/list?n=2&last=b>;rel=next",
            r#"</first>; rel="first", </v2/a/tags/list?n=2&last=b>; title="a, b; c"; REL="x Next""#,
        ] {
            assert_eq!(next(header), Some("/v2/a/tags/list?n=2&last=b"), "{header}");
        }
    }

    #[test]
    fn other_relations_are_no_next_page() {
        for header in [
            "",
            "/v2/x",
            "</a>",
            r#"</a>; rel="prev""#,
            "</a>; relation=next",
            "</a; rel=next",
        ] {
            assert_eq!(next(header), None, "{header}");
        }
    }
}
