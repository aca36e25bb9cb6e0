//! How much memory a decision begins with.

/// Every decision starts on fresh memory, so that each page less is time gained. Questions nest to the depth that
/// `serde_json` and `limits::POLICY_DEPTH` allow, which takes a fraction of this.
const STACK: u32 = 128 * 1024;
/// Enough for stack, data and an everyday decision; the host wipes that much in place (`RESIDENT` in its engine).
const MEMORY: u32 = 512 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_TARGET_ARCH").is_some_and(|arch| arch == "wasm32") {
        println!("cargo::rustc-cdylib-link-arg=-zstack-size={STACK}");
        println!("cargo::rustc-cdylib-link-arg=--initial-memory={MEMORY}");
    }
}
