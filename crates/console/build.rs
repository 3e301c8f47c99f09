//! Builds anew when a file of the page comes or goes; what a file holds is watched by the compiler itself.

fn main() {
    println!("cargo::rerun-if-changed=../../console/dist");
    println!("cargo::rerun-if-changed=../../console/dist/assets");
}
