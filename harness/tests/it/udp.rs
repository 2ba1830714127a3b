//! Datagrams: what the network does to them shows.

use squall::plan::{Link, bandwidth, corrupt, duplicate, loss, reorder};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::sleep;

use crate::world::{Seen, World, ask, log, log_result, ms};

/// `a` sends the numbers from 0 to 199 to `b`, one each millisecond; `b` logs what it gets.
fn numbers() -> World {
    World::new()
        .host("b", || async {
            let socket = UdpSocket::bind("0.0.0.0:9").await?;
            let mut buf = [0; 8];
            loop {
                let (length, _) = socket.recv_from(&mut buf).await?;
                log(&String::from_utf8_lossy(&buf[..length]));
            }
        })
        .host("a", || async {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            socket.connect("b:9").await?;
            for number in 0..200 {
                sleep(ms(1)).await;
                socket.send(number.to_string().as_bytes()).await?;
            }
            std::future::pending().await
        })
}

fn received(seen: &Seen) -> Vec<u32> {
    seen.said("b").iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn datagrams_arrive_in_order_on_a_good_link() {
    assert_eq!(received(&numbers().completes(1)), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_link_loses_duplicates_and_reorders_datagrams() {
    let on = |link: Link| {
        received(&numbers().topology(|topology| topology.link_from("a", "b", link)).completes(1))
    };
    let lossy = on(Link::default().loss(0.2));
    assert!((140..180).contains(&lossy.len()) && lossy.is_sorted(), "{}", lossy.len());
    let damaged = on(Link::default().corrupt(0.2));
    assert!((140..180).contains(&damaged.len()), "{}", damaged.len());
    let twice = on(Link::default().duplicate(0.2));
    assert!((220..260).contains(&twice.len()) && twice.is_sorted(), "{}", twice.len());
    let mixed = on(Link::constant(ms(3)).reorder(0.2));
    assert!(mixed.len() == 200 && !mixed.is_sorted());
}

#[test]
fn faults_lose_duplicate_and_reorder_datagrams_while_they_act() {
    let under = |fault: squall::plan::FaultBuilder| {
        let fault = fault.from(ms(50)).until(ms(150));
        let seen = numbers().plan(|plan| plan.fault(fault)).completes(1);
        (received(&seen), usize::try_from(seen.affected()[0]).unwrap())
    };
    let (lossy, lost) = under(loss("b", 0.5));
    assert_eq!(lossy.len() + lost, 200);
    assert!((30..70).contains(&lost), "{lost}");
    assert!(lossy[..49].iter().copied().eq(0..49), "none before the fault");
    assert!(lossy.ends_with(&(150..200).collect::<Vec<_>>()), "none after it");
    let (damaged, lost) = under(corrupt("a", 0.5));
    assert_eq!(damaged.len() + lost, 200);
    let (twice, again) = under(duplicate("b", 0.5));
    assert_eq!(twice.len(), 200 + again);
    let (mixed, late) = under(reorder("a", 0.3, ms(5)));
    assert!(mixed.len() == 200 && !mixed.is_sorted() && late > 10);
}

#[test]
fn datagrams_do_not_overtake_each_other_in_a_slow_stretch_or_after_it() {
    // Some thirty bytes each millisecond, of which ten get through.
    let slow = bandwidth("a", 10).from(ms(50)).until(ms(150));
    let seen = numbers().plan(|plan| plan.fault(slow)).completes(1);
    assert_eq!(received(&seen), (0..200).collect::<Vec<_>>());
    let facts = seen.facts();
    let until = |time| facts.iter().filter(|(at, _, _)| *at < time).count();
    assert!((75..90).contains(&until(ms(150))), "{} by the heal", until(ms(150)));
    assert!(until(ms(152)) >= 149, "all that waited comes at the heal");
    assert!(seen.affected()[0] > 80);
}

#[test]
fn loopback_works_within_a_host_and_is_its_own() {
    let seen = World::new()
        .host("a", || async {
            let listener = TcpListener::bind("127.0.0.1:7").await?;
            let socket = UdpSocket::bind("127.0.0.1:9").await?;
            tokio::spawn(async move {
                let (mut stream, from) = listener.accept().await.expect("accepts");
                assert!(from.ip().is_loopback());
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
            sleep(ms(1)).await;
            let mut stream = TcpStream::connect("127.0.0.1:7").await?;
            log_result("tcp", &ask(&mut stream).await);
            socket.send_to(b"self", "127.0.0.1:9").await?;
            let mut buf = [0; 8];
            let (length, _) = socket.recv_from(&mut buf).await?;
            log(&String::from_utf8_lossy(&buf[..length]));
            std::future::pending().await
        })
        .host("b", || async {
            sleep(ms(10)).await;
            log_result("from b", &TcpStream::connect("127.0.0.1:7").await);
            log_result("by name", &TcpStream::connect("a:7").await);
            std::future::pending().await
        })
        .completes(1);
    assert_eq!(seen.said("a"), ["tcp: ok", "self"]);
    assert!(seen.at("tcp: ok") < ms(2));
    assert_eq!(seen.said("b"), ["from b: ConnectionRefused", "by name: ConnectionRefused"]);
}
