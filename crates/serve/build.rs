//! Makes `web/dist` where it is missing, so that the crate compiles before the web part is built.

fn main() {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist");
    if let Err(error) = std::fs::create_dir_all(dist) {
        println!("cargo::warning=web/dist could not be made: {error}");
    }
    println!("cargo::rerun-if-changed={dist}");
}
