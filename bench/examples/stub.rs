//! Temporary stand-in.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "temporary")]
use crowsnest_collect::{ImportRequest, NoProgress};
use crowsnest_lake::{Lake, LakeOptions, Market};
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[tokio::main]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    match a[1].as_str() {
        "--version" => println!("crowsnest stub"),
        "new" => { Market::create(a[2].as_ref(), "bench").unwrap(); }
        "import" => {
            let at = a.iter().position(|x| x == "--market").unwrap();
            let lake = Box::pin(Lake::open(Market::open(a[at + 1].as_ref()).unwrap(), LakeOptions::default())).await.unwrap();
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
            let mut r = ImportRequest::new([a[2].clone()], now);
            r.source = Some("bench".into());
            r.is_again = a.iter().any(|x| x == "--again");
            let report = Box::pin(crowsnest_collect::import(&lake, r, &NoProgress)).await.unwrap();
            println!("{report:?}");
        }
        _ => std::process::exit(1),
    }
}
