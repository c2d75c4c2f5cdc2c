//! Peers that take their time, by a clock that jumps to what comes next.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{pause, resume, sleep, timeout};

use super::*;

/// By this clock, longer than anybody may take.
const LONG: Duration = Duration::from_secs(300);

#[tokio::test]
async fn a_body_that_takes_too_long_is_to_be_sent_again() {
    let running = running(8, ServerTls::default()).await;
    for content_type in [PROTOBUF.1, JSON.1] {
        let mut stream = TcpStream::connect(("127.0.0.1", running.http)).await.unwrap();
        let head = format!(
            "POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ncontent-length: 9\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        pause();
        let mut answer = Vec::new();
        timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection ends").unwrap();
        resume();
        let split = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let (head, body) = (String::from_utf8_lossy(&answer[..split]).to_lowercase(), &answer[split + 4..]);
        assert!(head.starts_with("http/1.1 503 ") && head.contains("retry-after: 1"), "{head}");
        let message = "the request took too long to come";
        if content_type == JSON.1 {
            assert_eq!(String::from_utf8_lossy(body), format!("{{\"code\":14,\"message\":\"{message}\"}}"));
        } else {
            assert_eq!(
                (body[..2].to_vec(), otlp::decode_status_message(body).as_deref()),
                (vec![8, 14], Some(message))
            );
            assert_eq!(otlp::decode_retry_delay(body), Some(Duration::from_secs(1)));
        }
    }
}

#[tokio::test]
async fn peers_that_never_begin_to_speak_do_not_close_the_grpc_port_to_others() {
    let running = running(8, ServerTls::default()).await;
    let mut peers = Vec::new();
    // As many as may be connected at a time: half of them silent, half sending a little now and then.
    for index in 0..256 {
        let mut stream = TcpStream::connect(("127.0.0.1", running.grpc)).await.unwrap();
        peers.push(tokio::spawn(async move {
            let (mut reads, mut writes) = stream.split();
            let speak = async {
                for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r" {
                    sleep(Duration::from_secs(1)).await;
                    if index % 2 == 0 || writes.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                }
                std::future::pending::<()>().await;
            };
            let closed = async { while let Ok(1..) = reads.read(&mut [0; 100]).await {} };
            tokio::select! {
                () = speak => {}
                () = closed => {}
            }
        }));
    }
    pause();
    for peer in peers {
        timeout(LONG, peer).await.expect("the receiver closes the connection").unwrap();
    }
    resume();
    client(running.grpc).await.export(request(1)).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_has_begun_to_speak_may_be_silent_for_longer() {
    let running = running(8, ServerTls::default()).await;
    let mut stream = TcpStream::connect(("127.0.0.1", running.grpc)).await.unwrap();
    let settings = b"\0\0\0\x04\0\0\0\0\0";
    stream.write_all(&[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], settings].concat()).await.unwrap();
    pause();
    let closed = async { while let Ok(1..) = stream.read(&mut [0; 100]).await {} };
    assert!(timeout(Duration::from_secs(45), closed).await.is_err());
}
