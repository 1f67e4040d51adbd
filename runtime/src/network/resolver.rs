//! Questions for names that no pod can answer itself.
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::{Error, Later};

/// How long one resolver of the host is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many of them are asked.
const MOST: usize = 3;
/// Questions under way at a time, of all pods together; the others wait.
const AT_ONCE: usize = 256;
/// How long the file is believed.
const FRESH: Duration = Duration::from_secs(10);

/// Answers DNS packets.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// Answers a question in the form of RFC 1035, at full length: the caller truncates.
    fn resolve<'a>(&'a self, packet: &'a [u8]) -> Later<'a, Vec<u8>>;
}

/// Asks whom the machine asks.
#[derive(Debug)]
pub struct HostResolver {
    file: PathBuf,
    /// Names that nobody is asked for, with all below them: they do not exist.
    closed: Vec<String>,
    /// What the file said, and when.
    known: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
    room: Semaphore,
}

impl HostResolver {
    /// Reads `/etc/resolv.conf`. Names in and below `closed` (`ec2.internal`) do not exist.
    pub fn new(closed: Vec<String>) -> Self {
        Self::reading("/etc/resolv.conf".into(), closed)
    }

    /// Reads this file in its place.
    pub fn reading(file: PathBuf, closed: Vec<String>) -> Self {
        Self {
            file,
            closed,
            known: Mutex::default(),
            room: Semaphore::new(AT_ONCE),
        }
    }

    async fn servers(&self) -> Vec<SocketAddr> {
        let now = Instant::now();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, servers)) = &*known
                && now - *at < FRESH
            {
                return servers.clone();
            }
        }
        let file = self.file.clone();
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
        let servers = match read {
            Ok(Ok(text)) => servers(&text),
            Ok(Err(error)) => {
                let file = self.file.display();
                tracing::debug!(%error, %file, "the resolvers of the machine are not known");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((now, servers.clone()));
        servers
    }

    async fn ask(&self, packet: &[u8]) -> Result<Vec<u8>, Error> {
        let question = Question::read(packet).ok_or_else(|| failed("the question is none"))?;
        if self.is_closed(&question.name) {
            return Ok(no_name(packet, question.end));
        }
        let _turn = self.room.acquire().await;
        let mut last = failed("the machine has no resolver");
        for server in self.servers().await.into_iter().take(MOST) {
            match timeout(PATIENCE, ask_one(server, packet, &question)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => last = Error::Failed(Box::new(error)),
                Err(_) => last = failed("a resolver of the machine is silent"),
            }
        }
        Err(last)
    }

    fn is_closed(&self, name: &str) -> bool {
        let below = |closed: &String| {
            let rest = name.strip_suffix(closed.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.closed.iter().any(below)
    }
}

impl Resolver for HostResolver {
    fn resolve<'a>(&'a self, packet: &'a [u8]) -> Later<'a, Vec<u8>> {
        Box::pin(self.ask(packet))
    }
}

fn failed(why: &'static str) -> Error {
    Error::Failed(why.into())
}

/// The `nameserver` lines of a resolv.conf.
fn servers(text: &str) -> Vec<SocketAddr> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then(|| words.next())?
    });
    lines
        .filter_map(|word| word.parse::<IpAddr>().ok())
        .map(|ip| SocketAddr::new(ip, 53))
        .collect()
}

/// What a packet asks.
struct Question {
    /// In lower case, without the last dot.
    name: String,
    /// Where the question ends in the packet.
    end: usize,
}

impl Question {
    fn read(packet: &[u8]) -> Option<Self> {
        let header = packet.first_chunk::<12>()?;
        if header[4..6] != [0, 1] {
            return None;
        }
        let (mut at, mut labels) = (12, Vec::new());
        loop {
            let length = usize::from(*packet.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            // A question's name is whole: it points nowhere.
            let label = packet.get(at..at + length).filter(|_| length < 64)?;
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            at += length;
        }
        packet.get(at..at + 4)?;
        Some(Self {
            name: labels.join("."),
            end: at + 4,
        })
    }
}

/// The answer that there is no such name.
fn no_name(packet: &[u8], end: usize) -> Vec<u8> {
    let mut answer = packet.get(..end).unwrap_or(packet).to_vec();
    if let Some(header) = answer.first_chunk_mut::<12>() {
        header[2] = 0x80 | (header[2] & 0x01);
        header[3] = 0x80 | 3;
        header[6..].fill(0);
    }
    answer
}

/// Asks by UDP, and by TCP if the answer is longer.
async fn ask_one(
    server: SocketAddr,
    packet: &[u8],
    question: &Question,
) -> std::io::Result<Vec<u8>> {
    // The kernel chooses the port, which with the id is what a forger had to guess.
    let any: IpAddr = match server.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let own = packet.first_chunk::<2>().copied().unwrap_or_default();
    let random = RandomState::new().hash_one(server).to_be_bytes();
    let mut asked = packet.to_vec();
    set_id(&mut asked, [random[0], random[1]]);
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    socket.send(&asked).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let mut answer = loop {
        let filled = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..filled).unwrap_or_default();
        if answers(&asked, answer, question) {
            break answer.to_vec();
        }
    };
    if answer.get(2).is_some_and(|flags| flags & 0x02 != 0) {
        answer = ask_by_tcp(server, &asked).await?;
        if !answers(&asked, &answer, question) {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
    }
    set_id(&mut answer, own);
    Ok(answer)
}

async fn ask_by_tcp(server: SocketAddr, asked: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(asked.len()).map_err(std::io::Error::other)?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(asked);
    stream.write_all(&message).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn set_id(packet: &mut [u8], id: [u8; 2]) {
    if let Some(place) = packet.first_chunk_mut::<2>() {
        *place = id;
    }
}

/// Whether a packet is the answer to what was asked: the same id and the same question.
fn answers(asked: &[u8], answer: &[u8], question: &Question) -> bool {
    let is_answer = answer.get(2).is_some_and(|flags| flags & 0x80 != 0);
    let same = Question::read(answer).is_some_and(|own| {
        let kind = |packet: &[u8], end: usize| packet.get(end - 4..end).map(<[u8]>::to_vec);
        own.name == question.name && kind(answer, own.end) == kind(asked, question.end)
    });
    is_answer && same && answer.get(..2) == asked.get(..2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A` of this name.
    fn query(id: u16, name: &str) -> Vec<u8> {
        let mut packet = id.to_be_bytes().to_vec();
        packet.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.split('.') {
            packet.push(u8::try_from(label.len()).unwrap());
            packet.extend(label.as_bytes());
        }
        packet.extend([0, 0, 1, 0, 1]);
        packet
    }

    #[test]
    fn resolvers_are_the_nameserver_lines() {
        let text =
            "# comment\nnameserver 10.0.0.2\nsearch a\noptions x\nnameserver ::1\nnameserver x\n";
        let wanted = ["10.0.0.2:53", "[::1]:53"].map(|at| at.parse().unwrap());
        assert_eq!(servers(text), wanted);
    }

    #[tokio::test]
    async fn closed_names_do_not_exist_and_nobody_is_asked() {
        let resolver = HostResolver::reading("/nowhere".into(), vec!["ec2.internal".to_owned()]);
        let answer = resolver
            .resolve(&query(7, "Shop.EC2.internal"))
            .await
            .unwrap();
        assert_eq!(answer[..4], [0, 7, 0x81, 0x83]);
        for name in ["shopec2.internal", "internal", "shop.test"] {
            assert!(resolver.resolve(&query(7, name)).await.is_err(), "{name}");
        }
        for broken in [
            &[][..],
            &[0; 12],
            &[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 200],
        ] {
            assert!(resolver.resolve(broken).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_long_answer_is_asked_for_again_by_tcp_and_forged_ones_are_not_taken() {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = udp.local_addr().unwrap();
        let tcp = tokio::net::TcpListener::bind(at).await.unwrap();
        let server = async {
            let mut buffer = [0; 512];
            let (filled, from) = udp.recv_from(&mut buffer).await.unwrap();
            let mut answer = buffer[..filled].to_vec();
            answer[2] |= 0x80;
            let mut forged = answer.clone();
            forged[0] ^= 1;
            udp.send_to(&forged, from).await.unwrap();
            answer[2] |= 0x02;
            udp.send_to(&answer, from).await.unwrap();
            let (mut stream, _) = tcp.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut asked = vec![0; usize::from(length)];
            stream.read_exact(&mut asked).await.unwrap();
            asked[2] |= 0x80;
            asked.extend([9; 1000]);
            stream.write_u16(length + 1000).await.unwrap();
            stream.write_all(&asked).await.unwrap();
        };
        let packet = query(0xabcd, "shop.test");
        let question = Question::read(&packet).unwrap();
        let (answer, ()) = tokio::join!(ask_one(at, &packet, &question), server);
        let answer = answer.unwrap();
        assert_eq!(answer[..2], [0xab, 0xcd]);
        assert_eq!(answer.len(), packet.len() + 1000);
    }
}
