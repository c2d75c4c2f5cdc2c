//! The receiver: its ports, from start to end.

use std::sync::Arc;

use component::config::Configuration;
use component::{
    BoxFuture, Endpoint, Output, Receiver, ReceiverFactory, Reporter, ServerTls, Shutdown, Stability, Status, TlsServer,
};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::intake::Intake;
use crate::listen::{Speaks, serve};
use crate::web::Web;

/// The `otlp` receiver type.
pub static FACTORY: ReceiverFactory = ReceiverFactory {
    component_type: "otlp",
    alias: None,
    stability: Stability::Alpha,
    summary: "takes metrics that applications and Collectors push, by OTLP over gRPC and HTTP",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |context| {
            Ok(Box::new(OtlpReceiver {
                id: context.id.to_string(),
                config: config.clone(),
                status: context.status.clone(),
            }))
        })
    },
};

/// Takes requests on up to two ports.
#[derive(Debug)]
pub struct OtlpReceiver {
    /// As errors name it.
    pub(crate) id: String,
    pub(crate) config: Config,
    pub(crate) status: Reporter,
}

/// Ports that are open.
pub(crate) struct Listening {
    pub(crate) grpc: Vec<(TcpListener, Option<Arc<TlsServer>>)>,
    pub(crate) http: Vec<(TcpListener, Option<Arc<TlsServer>>)>,
}

impl OtlpReceiver {
    /// Opens the ports that the configuration names.
    pub(crate) async fn listen(&self) -> Result<Listening, String> {
        let mut listening = Listening { grpc: Vec::new(), http: Vec::new() };
        if let Some(grpc) = &self.config.grpc {
            listening.grpc = self.open("grpc", &grpc.endpoint, &grpc.tls, &[b"h2"]).await?;
        }
        if let Some(http) = &self.config.http {
            listening.http = self.open("http", &http.endpoint, &http.tls, &[b"http/1.1"]).await?;
        }
        Ok(listening)
    }

    async fn open(
        &self,
        protocol: &str,
        endpoint: &Endpoint,
        tls: &ServerTls,
        alpn: &'static [&'static [u8]],
    ) -> Result<Vec<(TcpListener, Option<Arc<TlsServer>>)>, String> {
        let key = format!("receivers::{}::protocols::{protocol}", self.id);
        let tls = TlsServer::new(tls, alpn).map_err(|text| format!("{key}::{text}"))?.map(Arc::new);
        let sockets = endpoint.listen().await.map_err(|error| error.advise(&format!("{key}::endpoint")))?;
        for address in sockets.iter().filter_map(|socket| socket.local_addr().ok()) {
            tracing::info!(protocol, %address, tls = tls.is_some(), "OTLP receiver open");
        }
        Ok(sockets.into_iter().map(|socket| (socket, tls.clone())).collect())
    }

    /// Serves until `shutdown`.
    pub(crate) async fn serve(&self, listening: Listening, output: Output, shutdown: &Shutdown) {
        let intake = Intake::new(output);
        let mut ports = JoinSet::new();
        if let Some(grpc) = &self.config.grpc {
            let speaks =
                Speaks::Grpc { intake: intake.clone(), max_message: grpc.max_message, max_streams: grpc.max_streams };
            for (socket, tls) in listening.grpc {
                ports.spawn(serve(socket, tls, speaks.clone(), shutdown.clone()));
            }
        }
        if let Some(http) = &self.config.http {
            let (path, max_body) = (http.path.clone(), http.max_body);
            let speaks = Speaks::Http(Arc::new(Web { intake, path, max_body }));
            for (socket, tls) in listening.http {
                ports.spawn(serve(socket, tls, speaks.clone(), shutdown.clone()));
            }
        }
        while ports.join_next().await.is_some() {}
    }
}

impl Receiver for OtlpReceiver {
    fn run(self: Box<Self>, output: Output, shutdown: Shutdown) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            let listening = self.listen().await.inspect_err(|text| {
                self.status.report(Status::PermanentError(text.clone()));
            })?;
            self.serve(listening, output, &shutdown).await;
            Ok(())
        })
    }
}
