//! The defects of the reference services, each with the scenario that was made to catch it.

use reference_services::{
    aggregation, balancer, cache, dependency, notifications, orders, queue_broker, relay,
    result_store, stock_replica, worker,
};
use squall::Defect;

/// The scenario that was made to catch a defect, and the name or a part of the name of what fails
/// there; others catch most of them as well.
const CAUGHT_BY: &[(&str, &str, &str)] = &[
    ("sequential-calls", "steady-state", "p50 latency"),
    ("client-per-request", "steady-state", "connections_opened"),
    ("no-call-timeout", "reviews-hung", "p99 latency"),
    ("uncancelled-calls", "clients-disconnect", "outlives its request"),
    ("detached-deadline", "pricing-hung", "p99 latency"),
    ("no-deadline-sent", "caller-cut-off", "how long reviews work on a call"),
    ("works-for-nobody", "clients-disconnect", "no span \"serve\" outlives its request"),
    ("unbounded-stream-buffer", "watch-slow-reader", "memory with watchers that do not read"),
    ("ignores-epoch", "watch-inventory-restarts", "answers that are older than they say"),
    ("stream-without-keepalive", "watch-partition-silent", "answers that are older than they say"),
    ("restarts-deadline", "deadline-two-hops", "how long the inventory works on a call"),
    ("neighbours-reviews", "steady-state", "wrong answers"),
    ("truncated-list", "steady-state", "wrong answers"),
    ("rounded-price", "steady-state", "wrong answers"),
    ("silent-degradation", "reviews-down", "wrong answers"),
    ("no-retry-budget", "retry-budget", "retry amplification"),
    ("retries-at-once", "retry-pace", "growth of the pauses before a retry"),
    ("retries-in-step", "retry-pace", "spread of the pauses before a retry"),
    ("ignores-pushback", "retry-pace", "pauses that a dependency asked for"),
    ("breaker-counts-refusals", "refusals", "that open on refusals"),
    ("breaker-trips-early", "few-calls", "breakers that open on a few calls"),
    ("breaker-wedges", "half-open-disconnect", "the breaker closes again"),
    ("leaked-place", "bulkhead-places", "places that are taken in the bulkhead of pricing"),
    ("balances-blindly", "replica-hung", "sections of pricing"),
    ("no-slow-start", "replica-restarts", "calls that a cold replica had no room for"),
    ("hedge-without-cancel", "replica-slow-hedged", "no span \"serve\" outlives its request"),
    ("hedge-without-budget", "replicas-slow", "calls that hedges add"),
    ("no-connection-limit", "crowd", "connections that the API has at once"),
    ("shared-bulkhead", "greedy-tenant", "answers for a tenant that keeps to its share"),
    ("no-kill-switch", "flag-kill-switch", "requests that a bad flag costs"),
    ("reload-drops-connections", "api-reload", "answers while the configuration changes"),
    ("static-limit-too-high", "overload", "pages in time"),
    ("sheds-blindly", "overload", "answers for those who pay"),
    ("sheds-probes", "overload", "health checks that succeed"),
    ("ready-too-early", "api-rolling-update", "requests to a pod that is not warm"),
    ("cut-off-at-stop", "api-restart", "requests that a stop cuts off"),
    ("accepts-any-certificate", "tls-other-authority", "requests that reach the wrong service"),
    (
        "never-reloads-certificates",
        "tls-certificate-expires",
        "answers after the first certificates have run out",
    ),
    ("client-certificate-optional", "tls-mutual", "calls without a certificate that are answered"),
    ("no-dead-letter", "pool-poison", "accounting of each job of log \"job accepted\""),
    ("task-per-job", "pool-stop", "concurrency of span \"external call\""),
    ("ignores-shutdown", "pool-stop", "sequence"),
    ("retries-forever", "pool-poison", "accounting of span \"external call\""),
    ("untuned-client", "pool-steady", "p99 latency"),
    ("ack-before-store", "pool-steady", "only after"),
    ("answers-before-sync", "pool-store-loses-power", "results on the disk"),
    ("never-syncs", "pool-store-loses-power", "results on the disk"),
    ("unsynced-rewrite", "pool-broker-compacts", "every span \"submit\" outcome=ok"),
    ("unlocked-journal", "pool-broker-started-twice", "jobs that were answered with 202"),
    ("ready-without-disk", "pool-not-ready", "times that it said to be ready with a full disk"),
    ("unordered-redelivery", "pool-in-order", "jobs that were done before one of their key"),
    ("drops-conflicts", "pool-another-job", "jobs with the id of another one"),
    ("forgets-pauses", "pool-pauses-survive", "pauses that a broker keeps"),
    ("expires-forever", "pool-lease-outlived", "jobs that outlived three leases"),
    ("no-breaker", "pool-api-down", "dead letters of an API that is down"),
    ("late-acknowledgement", "pool-late-workers", "log \"lease used\" never after"),
    ("works-without-lease", "pool-late-workers", "span \"external call\" never after"),
    ("never-extends", "pool-old-jobs", "never log \"lease expired\""),
    ("forgets-done", "pool-posted-again", "recovered=false on broker once per job"),
    ("no-idempotency-key", "pool-store-fails", "log \"job processed\" on api once per job"),
    ("ignores-store-error", "pool-store-fails", "log \"job acknowledged\" only after"),
    ("no-backoff", "pool-retry-pace", "pause before a job is tried again"),
    ("no-jitter", "pool-retry-pace", "spread of the pauses of jobs"),
    ("ignores-retry-after", "pool-api-says-when", "calls before the API wants them"),
    ("unbounded-queue", "pool-queue-full", "gauge queue_broker_queued"),
    ("unbounded-connections", "pool-crowd", "connections that the broker has at once"),
    ("unbounded-bodies", "pool-too-large", "jobs that are too large and were accepted"),
    ("bare-dead-letter", "pool-dead-letters", "dead letters that say how they failed"),
    ("replay-keeps-attempts", "pool-dead-letters", "attempts at a job and at its replay"),
    ("kill-without-grace", "deploy-long-lived", "exports that come to their end"),
    ("no-readiness", "deploy-warm-up-slow", "answers from a cold or stale cache"),
    (
        "no-pre-stop-delay",
        "deploy-slow-endpoints",
        "requests lost with a pre-stop delay of 3100 ms",
    ),
    ("blocking-cold-warm-up", "deploy-twice", "containers that fail their liveness probe"),
    ("in-memory-sessions", "deploy-sessions", "requests whose session no pod knew"),
    ("unsigned-sessions", "deploy-sessions-checked", "changed sessions, refused"),
    ("eternal-sessions", "deploy-sessions-checked", "sessions that have run out, refused"),
    ("lost-visits", "deploy-sessions-checked", "visits that their session counts"),
    ("refresh-stops", "deploy-items-change", "answers that are no older than they may be"),
    ("unmarked-stale", "deploy-catalog-away", "answers that are too old, marked"),
    ("trusts-snapshots", "deploy-peer-damaged", "damaged snapshots that were taken over"),
    ("adopts-as-new", "deploy-peer-outdated", "answers that are no older than they may be"),
    ("no-singleflight", "cache-hot-key", "loads of an item that everybody wants"),
    ("synchronised-expiry", "cache-expiry", "p97 latency when items expire"),
    ("ready-early", "deploy-ready-when-warm", "pods that lack nothing when they are ready"),
    ("leaks-in-flight", "balancer-share", "requests that a pod gets when it is well again"),
    ("picks-worse", "balancer-slow-pod", "requests that a slow pod gets"),
    ("never-ejects", "balancer-failing-pod", "requests that a failing pod gets"),
    ("repeats-orders", "balancer-orders", "orders that reach a pod once"),
    ("keeps-removed", "balancer-forgets", "connections that a pod keeps after it was taken out"),
    ("retries-multiply", "chain-metastable", "calls to the back for each request"),
    ("shared-room", "chain-back-hangs", "answers of the front that need nobody else"),
    ("stops-late", "balancer-stops", "a stop that waits for nothing but what is in flight"),
    ("dual-write", "orders-crashes", "customers who were not told once what became of their order"),
    ("no-compensation", "orders-refused", "orders of which some is in effect and some is not"),
    ("charge-retried-without-key", "orders-answers-lost", "charges of an order"),
    ("notifies-twice", "orders-consumer-away", "notifications of an event"),
];

/// All defects, service by service.
///
/// # Panics
///
/// When no scenario is named that catches a defect of a service.
pub(crate) fn all() -> impl Iterator<Item = Defect> {
    let api = aggregation::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let dependencies = dependency::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let broker = queue_broker::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let store = result_store::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let workers = worker::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let cache = cache::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let api = api.map(|it| ("aggregation-api", it));
    let dependencies = dependencies.map(|it| ("dependency", it));
    let broker = broker.map(|it| ("queue-broker", it));
    let store = store.map(|it| ("result-store", it));
    let workers = workers.map(|it| ("worker", it));
    let cache = cache.map(|it| ("cache-service", it));
    let balancer = balancer::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let balancer = balancer.map(|it| ("load-balancer", it));
    let orders = orders::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let orders = orders.map(|it| ("orders", it));
    let notifications = notifications::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let notifications = notifications.map(|it| ("notifications", it));
    let relays = relay::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let relays = relays.map(|it| ("relay", it));
    let replica = stock_replica::Defect::ALL.iter().map(|it| (it.name(), it.description()));
    let replica = replica.map(|it| ("stock-replica", it));
    let all = api
        .chain(dependencies)
        .chain(replica)
        .chain(broker)
        .chain(store)
        .chain(workers)
        .chain(cache)
        .chain(balancer)
        .chain(orders)
        .chain(notifications)
        .chain(relays);
    all.map(|(service, (name, description))| {
        let row = CAUGHT_BY.iter().find(|(caught, ..)| *caught == name);
        let (_, scenario, because) =
            row.unwrap_or_else(|| panic!("expected a row for the defect {name} here"));
        Defect {
            name: name.to_owned(),
            description: description.to_owned(),
            service: service.to_owned(),
            caught_by: (*scenario).to_owned(),
            because: (*because).to_owned(),
        }
    })
}
