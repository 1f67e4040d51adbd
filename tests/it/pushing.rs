//! Push and pull.
use wharf_testkit::{Image, TestServer};

#[tokio::test]
async fn what_is_pushed_is_pulled_byte_for_byte() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    image.assert_pulls(&s, "app", "v1").await;
    image.assert_pulls(&s, "app", image.digest.as_str()).await;
    let index = Image::index(&[&image]);
    index.push(&s, "app", "multi").await;
    index.assert_pulls(&s, "app", "multi").await;
    s.assert_tidy().await;
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let mut s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    s.restart().await;
    image.assert_pulls(&s, "app", "v1").await;
}
