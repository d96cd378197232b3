//! Names the loader that is being built: a hash of the sources that make models of documents, and of the versions of
//! what they use. What one loader keeps in its cache no other reads. Knows nothing of what the sources say.

use std::path::Path;

fn main() {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for place in ["src/registry", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={place}");
        add(Path::new(place), &mut hash);
    }
    println!("cargo:rustc-env=WEIR_LOADER={hash:016x}");
}

/// FNV-1a over names and contents, in order of the names.
fn add(path: &Path, hash: &mut u64) {
    let mut feed = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0]) {
            *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    feed(path.to_string_lossy().replace('\\', "/").as_bytes());
    if let Ok(content) = std::fs::read(path) {
        feed(&content);
    }
    let mut below: Vec<_> =
        std::fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    below.sort();
    for path in below {
        add(&path, hash);
    }
}
