//! Files and folders that were made, and can be unmade.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What there was not before, in the order in which it was made.
#[derive(Default)]
pub(super) struct Made {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Made {
    /// Writes a file that is not there yet, and makes the folders that lead to it.
    pub(super) fn write(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let missing = path.ancestors().skip(1).take_while(|folder| !folder.exists());
        let missing: Vec<&Path> = missing.collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder)?;
            self.folders.push(folder.to_owned());
        }
        let mut file = File::create_new(path)?;
        self.files.push(path.to_owned());
        file.write_all(text.as_bytes())
    }

    /// Takes all of it away again, as far as that is possible.
    pub(super) fn undo(&self) {
        for file in self.files.iter().rev() {
            let _ = fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Made;

    #[test]
    fn what_was_there_before_stays() {
        let place = std::env::temp_dir().join(format!("squall-made-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).expect("the folder can be written to");
        fs::write(place.join("mine"), "mine").expect("the folder can be written to");
        let mut made = Made::default();
        made.write(&place.join("a/b/c"), "c").expect("nothing is in the way");
        made.write(&place.join("a/b/c/d"), "d").expect_err("c is no folder");
        made.write(&place.join("mine"), "yours").expect_err("it is there already");
        assert_eq!(fs::read_to_string(place.join("a/b/c")).expect("it was written"), "c");
        made.undo();
        let left = fs::read_dir(&place).expect("it is there");
        let left: Vec<_> = left.map(|it| it.expect("an entry").file_name()).collect();
        assert_eq!(left, ["mine"]);
        assert_eq!(fs::read_to_string(place.join("mine")).expect("it is there"), "mine");
        fs::remove_dir_all(place).expect("it is there");
    }
}
