//! What the container of the demo does: it serves a page that says where it comes from.
use std::{
    convert::Infallible, ffi::OsString, future::ready, io, net::Ipv4Addr, process::ExitCode,
};

use bytes::Bytes;
use http::{Response, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};

use crate::commands::complain;

/// What the program is to do in the container, before the port.
pub(super) const PART: &str = "__demo-page";

/// Serves the page in this process, if `arguments` say so.
pub(in crate::commands) fn part(arguments: &[OsString]) -> Option<ExitCode> {
    let (name, rest) = arguments.split_first()?;
    if name != PART {
        return None;
    }
    let port = rest.first().and_then(|port| port.to_str()?.parse().ok());
    let Some(port) = port else {
        complain("the page needs a port");
        return Some(ExitCode::FAILURE);
    };
    // One thread is enough for it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = runtime.and_then(|runtime| runtime.block_on(serve(port)));
    Some(match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    })
}

/// Serves until it is told to end: the first process of a container has to see to that itself.
async fn serve(port: u16) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let text = Bytes::from(text(&rustix::system::uname().nodename().to_string_lossy()));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = terminate.recv() => return Ok(()),
        };
        tokio::spawn(answer(stream, text.clone()));
    }
}

/// The name of a pod is the host name of its containers.
fn text(pod: &str) -> String {
    let process = std::process::id();
    format!("Hello from the pod {pod}: I am process {process} of a container.\n")
}

async fn answer(stream: TcpStream, text: Bytes) {
    let page = service_fn(|_request| {
        let mut page = Response::new(Full::new(text.clone()));
        let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
        page.headers_mut().insert(CONTENT_TYPE, plain);
        ready(Ok::<_, Infallible>(page))
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), page);
    // Whoever asked has hung up.
    drop(served.await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_arguments_are_for_the_page() {
        assert!(part(&[]).is_none());
        assert!(part(&["serve".into()]).is_none());
        assert!(part(&[PART.into()]).is_some());
        assert!(part(&[PART.into(), "http".into()]).is_some());
    }

    #[tokio::test]
    async fn the_page_names_the_pod() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = async {
            let (stream, _) = listener.accept().await.unwrap();
            answer(stream, text("hello-1").into()).await;
        };
        let asking = async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let page = client.get(url).send().await.unwrap();
            page.text().await.unwrap()
        };
        let page = tokio::select! {
            page = asking => page,
            () = async { serving.await; std::future::pending().await } => unreachable!(),
        };
        assert!(page.starts_with("Hello from the pod hello-1: "), "{page}");
    }
}
