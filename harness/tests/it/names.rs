//! Look-ups of names that fail, take long, or lead to the wrong host.

use squall::plan::{Fault, dns_failure, slow_dns, stale_dns};
use tokio::net::{TcpStream, UdpSocket, lookup_host};

use crate::world::{Seen, World, echo, idle, log, log_result, ms};

/// `a` looks `b` up and connects to it, by name and by address, at 100, 500 and 900 ms.
fn looked_up(fault: Fault) -> Seen {
    World::new()
        .host("b", || echo(7))
        .host("old", idle)
        .host("a", || async {
            let addresses = [lookup_host("b:7").await?.next(), lookup_host("old:7").await?.next()];
            for at in [100, 500, 900] {
                squall_os::sim::sleep_until(at * 1_000_000).await;
                match lookup_host("b:7").await {
                    Ok(mut found) => {
                        let found = found.next();
                        let place = addresses.iter().position(|address| *address == found);
                        log(&format!("found {}", ["b", "old"][place.unwrap()]));
                    }
                    Err(error) => log(&error.to_string()),
                }
                log_result("tuple", &TcpStream::connect(("b", 7)).await);
                log_result("text", &TcpStream::connect("b:7".to_owned()).await);
                log_result("address", &TcpStream::connect(addresses[0].unwrap()).await);
                log_result("number", &TcpStream::connect(addresses[0].unwrap().to_string()).await);
                let socket = UdpSocket::bind("0.0.0.0:0").await?;
                log_result("datagram", &socket.send_to(b"x", "b:7").await);
            }
            std::future::pending().await
        })
        .plan(|plan| plan.lasts(ms(2_000)).fault(fault))
        .completes(1)
}

const WELL: [&str; 6] =
    ["found b", "tuple: ok", "text: ok", "address: ok", "number: ok", "datagram: ok"];

#[track_caller]
fn said(seen: &Seen, during: [&str; 6]) {
    assert_eq!(seen.said("a"), [WELL, during, WELL].concat());
}

#[test]
fn look_ups_fail_until_the_heal_and_addresses_need_none() {
    let seen = looked_up(dns_failure("a").from(ms(300)).until(ms(700)));
    let failed = "failed to lookup address information: Temporary failure in name resolution";
    let during = [
        failed,
        "tuple: Uncategorized",
        "text: Uncategorized",
        "address: ok",
        "number: ok",
        "datagram: Uncategorized",
    ];
    said(&seen, during);
    assert_eq!(seen.affected(), [4]);
}

#[test]
fn look_ups_of_one_host_are_not_those_of_another() {
    let seen = World::new()
        .host("b", || echo(7))
        .host("a", || async {
            squall_os::sim::sleep_until(500_000_000).await;
            log_result("connect", &TcpStream::connect("b:7").await);
            std::future::pending().await
        })
        .plan(|plan| plan.fault(dns_failure("b").from(ms(300)).until(ms(700))))
        .completes(1);
    assert_eq!(seen.said("a"), ["connect: ok"]);
    assert_eq!(seen.affected(), [0]);
}

#[test]
fn look_ups_take_longer_until_the_heal() {
    let seen = looked_up(slow_dns("a", ms(50)).from(ms(300)).until(ms(700)));
    said(&seen, WELL);
    let found: Vec<_> =
        (seen.facts().iter()).filter(|(_, _, text)| text == "found b").map(|fact| fact.0).collect();
    assert_eq!(found, [ms(100), ms(550), ms(900)]);
    assert_eq!(seen.affected(), [4]);
}

#[test]
fn a_stale_look_up_leads_to_the_old_host_until_the_heal() {
    let seen = looked_up(stale_dns("a", "b", "old").from(ms(300)).until(ms(700)));
    let refused = "tuple: ConnectionRefused";
    let during = [
        "found old",
        refused,
        "text: ConnectionRefused",
        "address: ok",
        "number: ok",
        "datagram: ok",
    ];
    said(&seen, during);
    assert_eq!(seen.affected(), [4]);
}
