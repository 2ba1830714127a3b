//! `squall image`.

use super::{Exit, Failure, args, print};
use crate::backend::container::Containers;

pub(super) fn image(args: &args::Image) -> Result<Exit, Failure> {
    let containers = Containers { program: args::this_program()? };
    if let Some(missing) = args.programs.iter().find(|program| !program.is_file()) {
        return Err(Failure::bad_input(format!(
            "expected a program to put into the image, found no file {}",
            missing.display()
        )));
    }
    let image = match &args.name {
        Some(name) => containers.image_called(name, &args.programs),
        None => containers.image(),
    };
    print(&format!("{}\n", image.map_err(Failure::harness)?));
    Ok(Exit::Pass)
}
