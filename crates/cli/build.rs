//! Embeds the example market anew when files come to it or leave it, which the compiler does not see by itself.

fn main() {
    println!("cargo::rerun-if-changed={}/../../markets/ai", env!("CARGO_MANIFEST_DIR"));
}
