//! `/etc/resolv.conf` of a pod, in the form that container runtimes write it.
use crate::Dns;

pub(super) fn text(dns: &Dns) -> String {
    let mut text = String::new();
    if !dns.searches.is_empty() {
        text.push_str(&format!("search {}\n", dns.searches.join(" ")));
    }
    for server in &dns.servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    if !dns.options.is_empty() {
        text.push_str(&format!("options {}\n", dns.options.join(" ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_then_servers_then_options_and_no_line_without_words() {
        let dns = Dns {
            servers: vec!["10.100.0.10".parse().unwrap()],
            searches: vec!["a.svc".to_owned(), "svc".to_owned()],
            options: vec!["ndots:5".to_owned()],
        };
        let wanted = "search a.svc svc\nnameserver 10.100.0.10\noptions ndots:5\n";
        assert_eq!(text(&dns), wanted);
        assert_eq!(text(&Dns::default()), "");
    }
}
