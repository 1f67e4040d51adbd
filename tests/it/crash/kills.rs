//! kill -9 at many moments of many pushes (reliability: C1 to C11, and C21 in small).
use reqwest::Method;
use tokio::sync::mpsc::{Sender, channel};
use wharf_testkit::{Image, Process};
use wharf_types::Digest;

/// How often the server is killed.
const ROUNDS: usize = 15;

/// How many clients push at once.
const CLIENTS: usize = 4;

/// A client that minds a server that dies no more than a person does.
#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    url: String,
    password: String,
    /// Hears of every answer, so that the killer can count.
    heard: Sender<()>,
}

struct Gone;

impl Client {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> Result<(u16, String), Gone> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request
            .basic_auth("AWS", Some(&self.password))
            .header("content-type", media_type);
        let reply = request.body(body).send().await.map_err(|_died| Gone)?;
        let location = reply
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap().to_owned());
        let status = reply.status().as_u16();
        reply.bytes().await.map_err(|_died| Gone)?;
        self.heard.try_send(()).unwrap_or_default();
        Ok((status, location.unwrap_or_default()))
    }

    async fn blob(&self, bytes: &[u8]) -> Result<(), Gone> {
        let plain = "application/octet-stream";
        let (status, location) = self
            .ask(Method::POST, "/v2/app/blobs/uploads/", plain, Vec::new())
            .await?;
        assert_eq!(status, 202);
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        let (status, location) = self
            .ask(Method::PATCH, &location, plain, head.to_vec())
            .await?;
        assert_eq!(status, 202);
        let finish = format!("{location}?digest={}", Digest::sha256(bytes));
        let (status, _) = self.ask(Method::PUT, &finish, plain, tail.to_vec()).await?;
        assert_eq!(status, 201);
        Ok(())
    }

    async fn manifest(&self, image: &Image, tag: &str) -> Result<(), Gone> {
        let (path, body) = (
            format!("/v2/app/manifests/{tag}"),
            image.manifest.clone().into_bytes(),
        );
        let (status, _) = self
            .ask(Method::PUT, &path, &image.media_type, body)
            .await?;
        assert_eq!(status, 201);
        Ok(())
    }

    async fn image(&self, image: &Image, tag: &str) -> Result<(), Gone> {
        for bytes in image.layers.iter().chain([&image.config]) {
            self.blob(bytes).await?;
        }
        self.manifest(image, tag).await
    }
}

/// A push: two images and an index of them; a tag that is this client's alone moves to each.
fn images(round: usize, client: usize, n: usize) -> [Image; 2] {
    ["a", "b"].map(|half| {
        let seed = format!("{round}-{client}-{n}-{half}");
        let layer = seed.as_bytes().repeat(100_000 / seed.len());
        Image::of(&seed, vec![layer])
    })
}

/// Pushes until the server is gone; returns what was acknowledged.
async fn push(client: Client, round: usize, number: usize) -> Vec<(String, Image)> {
    let mut acknowledged = Vec::new();
    let moving = format!("latest-{number}");
    for n in 0..1000 {
        let halves = images(round, number, n);
        for (half, image) in halves.iter().enumerate() {
            let tag = format!("r{round}-c{number}-n{n}-{half}");
            if client.image(image, &tag).await.is_err() {
                return acknowledged;
            }
            acknowledged.push((tag, image.clone()));
            if client.manifest(image, &moving).await.is_err() {
                return acknowledged;
            }
        }
        let index = Image::index(&[&halves[0], &halves[1]]);
        let tag = format!("r{round}-c{number}-n{n}-index");
        if client.manifest(&index, &tag).await.is_err() {
            return acknowledged;
        }
        acknowledged.push((tag, index));
    }
    acknowledged
}

/// Lets clients push until so many answers came, then kills the server.
async fn round(server: Process, round: usize) -> Vec<(String, Image)> {
    let (heard, mut hearing) = channel(10_000);
    let client = Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: server.url(),
        password: server.password().to_owned(),
        heard,
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(push(client.clone(), round, number)))
        .collect();
    // Another moment of another kind of request each time.
    for _ in 0..(20 + 7 * round) {
        hearing.recv().await.unwrap();
    }
    server.kill().await;
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_what_was_acknowledged_survives_every_kill() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let mut all = Vec::new();
    for number in 0..ROUNDS {
        let acknowledged = round(Process::serve(&dir, &[]).await, number).await;
        let s = Process::serve(&dir, &[]).await;
        for (tag, image) in &acknowledged {
            image.assert_pulls(&s, "app", tag).await;
        }
        for client in 0..CLIENTS {
            // A tag that moves names the old or the new image, never none and never half of one.
            let latest = format!("/v2/app/manifests/latest-{client}");
            let reply = s.call("GET", &latest).send().await;
            if acknowledged
                .iter()
                .any(|(tag, _)| tag.starts_with(&format!("r{number}-c{client}-n1")))
            {
                assert_eq!(reply.status, 200);
            }
            // The same push again succeeds, whatever was left of the first.
            for image in images(number, client, acknowledged.len() / CLIENTS) {
                image
                    .push(&s, "app", &format!("again-{number}-{client}"))
                    .await;
            }
        }
        assert_checks(&dir).await;
        all.extend(acknowledged);
        s.kill().await;
    }
    assert!(all.len() > ROUNDS, "{} images were acknowledged", all.len());
    let s = Process::serve(&dir, &[]).await;
    for (tag, image) in &all {
        image.assert_pulls(&s, "app", tag).await;
    }
    s.stop().await;
    assert_checks(&dir).await;
}

/// Demands that `wharf check` finds nothing, through the running server or alone.
async fn assert_checks(dir: &std::path::Path) {
    let check = Process::run(&["check", "--data-dir", dir.to_str().unwrap()]).await;
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success(), "{said}");
    assert_eq!(said, "Everything is as it should be.\n");
}

#[tokio::test]
async fn c1_an_upload_goes_on_after_a_kill_from_what_was_acknowledged() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let s = Process::serve(&dir, &[]).await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let (large, small, fresh) = (
        s.begin("app").await,
        s.begin("app").await,
        s.begin("app").await,
    );
    s.call("PATCH", &large)
        .body(bytes[..200_000].to_vec())
        .send()
        .await
        .expect(202);
    s.call("PATCH", &small)
        .body("hello ")
        .send()
        .await
        .expect(202);
    s.kill().await;
    let s = Process::serve(&dir, &[]).await;
    for (location, range) in [(&large, "0-199999"), (&small, "0-5"), (&fresh, "0-0")] {
        let status = s.call("GET", location).send().await.expect(204);
        assert_eq!(status.header("range"), range);
    }
    let chunk = s
        .call("PATCH", &large)
        .header("content-range", "200000-249999");
    chunk
        .body(bytes[200_000..250_000].to_vec())
        .send()
        .await
        .expect(202);
    s.kill().await;
    let s = Process::serve(&dir, &[]).await;
    for (location, rest, whole) in [
        (large, &bytes[250_000..], &bytes[..]),
        (small, b"world", b"hello world"),
        (fresh, b"", b""),
    ] {
        let digest = Digest::sha256(whole);
        let finish = format!("{location}?digest={digest}");
        s.call("PUT", &finish)
            .body(rest.to_vec())
            .send()
            .await
            .expect(201);
        let got = s
            .call("GET", &format!("/v2/app/blobs/{digest}"))
            .send()
            .await
            .expect(200);
        assert_eq!(got.body, whole);
    }
    s.stop().await;
    assert_eq!(std::fs::read_dir(dir.join("staging")).unwrap().count(), 0);
}

#[tokio::test]
async fn c2_bytes_that_were_not_acknowledged_are_not_counted() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let s = Process::serve(&dir, &[]).await;
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(vec![1; 100_000])
        .send()
        .await
        .expect(202);
    s.kill().await;
    // What a request wrote that the kill cut off.
    let staged = std::fs::read_dir(dir.join("staging"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut file = std::fs::File::options().append(true).open(&staged).unwrap();
    std::io::Write::write_all(&mut file, &vec![2; 50_000]).unwrap();
    let s = Process::serve(&dir, &[]).await;
    let status = s.call("GET", &location).send().await.expect(204);
    assert_eq!(status.header("range"), "0-99999");
    let whole = [vec![1; 100_000], vec![3; 10]].concat();
    let finish = format!("{location}?digest={}", Digest::sha256(&whole));
    s.call("PUT", &finish)
        .body(vec![3; 10])
        .send()
        .await
        .expect(201);
    s.stop().await;
}
