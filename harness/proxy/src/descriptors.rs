//! How many descriptors the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process open as many descriptors as the system allows it: each connection of a proxy
/// takes two. Go's programs do so when they start, and Toxiproxy with them.
pub fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // With fewer the server works as well, and pauses when they have run out.
        let _refused = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
