//! The one message in the body of a gRPC request, put together in a buffer of its own size.

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tonic::Status;

use crate::packing::Packing;

/// A flag, and a length of four bytes.
const HEAD: usize = 5;

/// The message in `body`, as it came: what it is packed by, and no more than `most` bytes.
///
/// Where it is kept, nothing else is: what comes is copied once, out of the connection's buffers.
pub(crate) async fn message(
    mut body: Incoming,
    packing: Option<Packing>,
    most: usize,
) -> Result<(Option<Packing>, Bytes), Status> {
    let (mut head, mut message) = (Head::default(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::from_error(error.into()))?;
        let Ok(mut data) = frame.into_data() else { continue };
        if !head.is_whole() {
            head.fill(&mut data);
            if !head.is_whole() {
                continue;
            }
            let length = head.length();
            if length > most {
                return Err(too_large(&format!("{length} vs. {most} bytes")));
            }
            message.reserve_exact(length);
        }
        if data.len() > head.length() - message.len() {
            return Err(Status::internal("a request has more than one message"));
        }
        message.extend_from_slice(&data);
    }
    if !head.is_whole() || message.len() < head.length() {
        return Err(Status::internal("a request ends within its message"));
    }
    match (head.flag(), packing) {
        (0, _) => Ok((None, message.into())),
        (1, Some(packing)) => Ok((Some(packing), message.into())),
        (1, None) => Err(Status::internal("a message is packed, and no grpc-encoding says how")),
        (flag, _) => Err(Status::internal(format!("a message has the flag {flag}, which is none"))),
    }
}

/// What is packed in `message`, if that is no more than `most` bytes.
pub(crate) fn unpacked(packing: Option<Packing>, message: Bytes, most: usize) -> Result<Bytes, Status> {
    let Some(packing) = packing else { return Ok(message) };
    match packing.unpack(&message, most) {
        Ok(Some(message)) => Ok(message.into()),
        Ok(None) => Err(too_large(&format!("{most} bytes, unpacked"))),
        Err(error) => Err(Status::internal(format!("a message cannot be unpacked: {error}"))),
    }
}

/// As grpc-go has it: without a time to wait it is not sent again, where "out of range" would be, for ever.
fn too_large(how: &str) -> Status {
    Status::resource_exhausted(format!("a message is larger than max ({how})"))
}

/// What stands before a message, as far as it has come.
#[derive(Default)]
struct Head {
    bytes: [u8; HEAD],
    filled: usize,
}

impl Head {
    fn fill(&mut self, data: &mut Bytes) {
        let count = data.len().min(HEAD - self.filled);
        data.copy_to_slice(&mut self.bytes[self.filled..self.filled + count]);
        self.filled += count;
    }

    fn is_whole(&self) -> bool {
        self.filled == HEAD
    }

    fn flag(&self) -> u8 {
        self.bytes[0]
    }

    fn length(&self) -> usize {
        let [_, length @ ..] = self.bytes;
        u32::from_be_bytes(length) as usize
    }
}
