//! The services on real loopback sockets, observed as production observes them: answers on the
//! wire, metrics and spans.

mod answers;
mod balancer;
mod balancer_wire;
mod cache;
mod cancellation;
mod catalog;
mod defects;
mod fleet;
mod health;
mod losses;
mod malformed;
mod observer;
mod orders;
mod otlp;
mod overload;
mod pod_stop;
mod pool;
mod processes;
mod reflection;
mod relay;
mod replicas;
mod sessions;
mod spans;
mod stop;
mod tls;
mod watch;
mod wire;
mod world;
