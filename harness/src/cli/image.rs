//! `squall image`.

use super::{Exit, Failure, args, print};
use crate::backend::container::image_of;

pub(super) fn image() -> Result<Exit, Failure> {
    let program = args::this_program()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::harness)?;
    let image = runtime.block_on(image_of(&program)).map_err(Failure::harness)?;
    print(&format!("{image}\n"));
    Ok(Exit::Pass)
}
