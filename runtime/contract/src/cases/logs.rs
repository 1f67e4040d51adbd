use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use wharf_runtime::engine::LogQuery;
use wharf_types::Timestamp;

use crate::story::{Story, container};

fn query() -> LogQuery {
    LogQuery::default()
}

pub(super) async fn a_log_is_read_in_parts(s: &Story) {
    let script = "echo one; echo two; sleep 0.2; echo three; echo four; exit 0";
    let (_, log) = s.finish(s.pod("parts", vec![container(script)])).await;
    assert_eq!(log, "one\ntwo\nthree\nfour\n");
    let tail = LogQuery {
        tail_lines: Some(2),
        ..query()
    };
    assert_eq!(s.log("parts", tail).await, "three\nfour\n");
    let none = LogQuery {
        tail_lines: Some(0),
        ..query()
    };
    assert_eq!(s.log("parts", none).await, "");
    let limit = LogQuery {
        limit_bytes: Some(5),
        ..query()
    };
    assert_eq!(s.log("parts", limit).await, "one\nt");
    let timed = LogQuery {
        timestamps: true,
        ..query()
    };
    let timed = s.log("parts", timed).await;
    let lines: Vec<(&str, &str)> = timed
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let texts: Vec<&str> = lines.iter().map(|(_, text)| *text).collect();
    assert_eq!(texts, ["one", "two", "three", "four"]);
    // RFC 3339 with nanoseconds: 2026-01-01T00:00:00.000000000Z
    for (time, _) in &lines {
        assert!(time.len() == 30 && time.ends_with('Z'), "{time}");
        assert_eq!(time.as_bytes()[19], b'.', "{time}");
    }
    // Between "two" and "three" there are 200 ms.
    let since = LogQuery {
        since: Some(Timestamp::from_ms(millis(lines[2].0) - 100)),
        ..query()
    };
    assert_eq!(s.log("parts", since).await, "three\nfour\n");
    // A new server has them, too.
    let again = s.again().await;
    let id = s.worker.container("parts", "m", false).unwrap();
    let mut log = again.engine.logs(&id, query()).await.unwrap();
    let mut text = String::new();
    log.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "one\ntwo\nthree\nfour\n");
    s.remove("parts").await;
}

/// Of the same day as now.
fn millis(time: &str) -> i64 {
    let digits = |at: usize, length: usize| {
        let digits = time.get(at..at + length).unwrap();
        digits.parse::<i64>().unwrap()
    };
    let (year, month, day) = (digits(0, 4), digits(5, 2), digits(8, 2));
    // Days since 1970: http://howardhinnant.github.io/date_algorithms.html#days_from_civil
    let (shifted, month) = (year - i64::from(month <= 2), (month + 9) % 12);
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400 + digits(11, 2) * 3600 + digits(14, 2) * 60 + digits(17, 2);
    seconds * 1000 + digits(20, 3)
}

pub(super) async fn a_log_is_followed_to_its_end(s: &Story) {
    let script = "echo first; read line; echo $line; exit 0";
    let mut main = container(script);
    main.stdin = true;
    let id = s.start(s.pod("follow", vec![main])).await;
    let follow = LogQuery {
        follow: true,
        ..query()
    };
    let log = s.engine.logs(&id, follow).await.unwrap();
    let mut log = BufReader::new(log).lines();
    assert_eq!(log.next_line().await.unwrap().unwrap(), "first");
    let spec = wharf_runtime::engine::AttachSpec { stdin: true };
    let mut process = s.engine.attach(&id, spec).await.unwrap();
    let mut stdin = process.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"last\n")
        .await
        .unwrap();
    assert_eq!(log.next_line().await.unwrap().unwrap(), "last");
    assert_eq!(
        log.next_line().await.unwrap(),
        None,
        "it ends with the container"
    );
    s.ended("follow").await;
    s.remove("follow").await;
}

pub(super) async fn a_long_line_stays_one(s: &Story) {
    let script = "dd if=/dev/zero bs=100000 count=1 2>/dev/null | busybox tr '\\0' x; echo; exit 0";
    let (_, log) = s.finish(s.pod("long", vec![container(script)])).await;
    assert_eq!(log.len(), 100_001);
    let timed = LogQuery {
        timestamps: true,
        ..query()
    };
    let log = s.log("long", timed).await;
    assert_eq!(log.matches('Z').count(), 1, "one time for one line");
    assert_eq!((log.len(), log.lines().count()), (100_032, 1));
    s.remove("long").await;
}
