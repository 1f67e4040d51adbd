//! `/etc/resolv.conf` of a pod, in the form that container runtimes write it.
use crate::Dns;

pub(super) fn text(dns: &Dns) -> String {
    let line = |name: &str, words: &[String]| {
        let words = (!words.is_empty()).then(|| words.join(" "));
        words.map(|words| format!("{name} {words}\n"))
    };
    let servers = dns.servers.iter();
    let servers = servers.map(|server| format!("nameserver {server}\n"));
    line("search", &dns.searches)
        .into_iter()
        .chain(servers)
        .chain(line("options", &dns.options))
        .collect()
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
