//! async-nats against a server that knows the few words of the protocol that it needs: each message is
//! sent to everybody who has subscribed to exactly its subject.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use works::{BoxError, Done, Trial, calls, log, ms};

/// The subscriptions: of each connection by its number, what subjects it knows by which identifiers,
/// and the way to it.
type Subscriptions =
    Arc<Mutex<BTreeMap<u64, (BTreeMap<String, String>, mpsc::UnboundedSender<Vec<u8>>)>>>;

const INFO: &str = "INFO {\"server_id\":\"S\",\"server_name\":\"s\",\"version\":\"2.10.0\",\"go\":\"\",\
     \"host\":\"0.0.0.0\",\"port\":4222,\"headers\":false,\"max_payload\":1048576,\"proto\":1,\
     \"client_id\":1}\r\n";

async fn broker() -> Done {
    let subscriptions = Subscriptions::default();
    let listener = TcpListener::bind("0.0.0.0:4222").await?;
    for number in 0.. {
        let (stream, _) = listener.accept().await?;
        let subscriptions = Arc::clone(&subscriptions);
        tokio::spawn(async move {
            let served = serve(stream, number, &subscriptions).await;
            subscriptions.lock().expect("nobody panics").remove(&number);
            log(&format!("connection ended: {served:?}"));
        });
    }
    Ok(())
}

async fn serve(stream: TcpStream, number: u64, subscriptions: &Subscriptions) -> Done {
    let (read, mut write) = stream.into_split();
    let (send, mut receive) = mpsc::unbounded_channel::<Vec<u8>>();
    tokio::spawn(async move {
        while let Some(bytes) = receive.recv().await {
            write.write_all(&bytes).await?;
        }
        std::io::Result::Ok(())
    });
    send.send(INFO.into())?;
    subscriptions.lock().expect("nobody panics").insert(number, (BTreeMap::new(), send.clone()));
    let mut read = BufReader::new(read);
    let mut line = String::new();
    while read.read_line(&mut line).await? > 0 {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.as_slice() {
            ["PING"] => send.send(b"PONG\r\n".into())?,
            ["SUB", subject, .., identifier] => {
                let mut all = subscriptions.lock().expect("nobody panics");
                let own = all.get_mut(&number).map(|(own, _)| own);
                own.map(|own| own.insert(subject.to_owned(), identifier.to_owned()));
            }
            ["PUB", subject, ref reply @ .., length] => {
                let mut payload = vec![0; length.parse::<usize>()? + 2];
                read.read_exact(&mut payload).await?;
                for (own, way) in subscriptions.lock().expect("nobody panics").values() {
                    let of = |(known, identifier): (&String, &String)| {
                        let prefix = known.strip_suffix('*');
                        let fits = prefix.map_or(known == subject, |it| subject.starts_with(it));
                        fits.then(|| identifier.clone())
                    };
                    let Some(identifier) = own.iter().find_map(of) else { continue };
                    let reply: String = reply.iter().map(|reply| format!("{reply} ")).collect();
                    let head = format!("MSG {subject} {identifier} {reply}{length}\r\n");
                    // One that has gone is no longer told.
                    let _ = way.send([head.as_bytes(), &payload].concat());
                }
            }
            _ => {}
        }
        line.clear();
    }
    Ok(())
}

async fn connect() -> Result<Client, BoxError> {
    let options = ConnectOptions::new()
        .ping_interval(ms(100))
        .connection_timeout(ms(100))
        .reconnect_delay_callback(|_| ms(50))
        .retry_on_initial_connect();
    Ok(options.connect("nats://server:4222").await?)
}

/// Answers what it is asked over the broker.
async fn worker() -> Done {
    let client = connect().await?;
    let mut requests = client.subscribe("double").await?;
    while let Some(request) = requests.next().await {
        let number: u64 = String::from_utf8_lossy(&request.payload).parse()?;
        if let Some(reply) = request.reply {
            client.publish(reply, (2 * number).to_string().into()).await?;
        }
    }
    Ok(())
}

async fn client() -> Done {
    let client = connect().await?;
    tokio::time::sleep(ms(100)).await;
    calls(|number| {
        let client = client.clone();
        async move {
            let answer = client.request("double", number.to_string().into()).await?;
            Ok::<_, BoxError>(String::from_utf8_lossy(&answer.payload).into_owned())
        }
    })
    .await
}

fn main() {
    let trial = Trial::new("async-nats").host("server", broker).host("worker", worker);
    trial.host("client", client).outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(seen.said("client", "answered 3: ")[0].1, "6");
    });
}
