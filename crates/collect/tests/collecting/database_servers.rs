//! PostgreSQL and MariaDB servers that tests start for themselves: in a folder of their own, on a free port of this
//! machine, stopped when the last test that uses them is through.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

/// What everybody may know who is in a test.
const OWNER_PASSWORD: &str = "owner-password";
/// A password that an address can only hold escaped.
pub(crate) const READER_PASSWORD: &str = "r3ad/er@pass:w%rd";

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    MariaDb,
}

/// One of each.
pub(crate) struct Servers {
    pub(crate) both: [Server; 2],
}

impl Servers {
    /// Those that run, or new ones.
    pub(crate) async fn running() -> Arc<Self> {
        static RUNNING: tokio::sync::Mutex<Weak<Servers>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut running = RUNNING.lock().await;
        if let Some(servers) = running.upgrade() {
            return servers;
        }
        let servers = Arc::new(Self { both: [Server::postgres().await, Server::mariadb().await] });
        *running = Arc::downgrade(&servers);
        servers
    }
}

/// A server, with a user `owner` who may do everything, and a user `reader` whom nothing but Crowsnest keeps from writing.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // What asks each of the two to end at once and in order.
        let signal = if self.kind == Kind::Postgres { "-INT" } else { "-TERM" };
        let _ = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn postgres() -> Self {
        let (initdb, postgres) = (program("initdb"), program("postgres"));
        let folder = tempfile::tempdir().unwrap();
        // It refuses to run as root.
        let user = is_root(folder.path()).then(|| user_of("postgres").or_else(|| user_of("nobody")).unwrap());
        let password = folder.path().join("password");
        std::fs::write(&password, OWNER_PASSWORD).unwrap();
        for path in [folder.path(), password.as_path()] {
            chown(path, user.map(|(uid, _)| uid), user.map(|(_, gid)| gid)).unwrap();
        }
        let data = folder.path().join("data");
        let making = command(&initdb, folder.path(), user)
            .args(["--username=owner", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .args(["--pwfile".as_ref(), password.as_os_str(), "--pgdata".as_ref(), data.as_os_str()])
            .output()
            .unwrap();
        assert!(making.status.success(), "{}", String::from_utf8_lossy(&making.stderr));
        let port = free_port();
        let process = command(&postgres, folder.path(), user)
            .args(["-D".as_ref(), data.as_os_str(), "-k".as_ref(), folder.path().as_os_str()])
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "fsync=off"])
            .stderr(log_in(folder.path()))
            .spawn()
            .unwrap();
        let mut server = Self { kind: Kind::Postgres, process, port, folder };
        server.wait_until_ready("postgres").await;
        server.execute("postgres", &format!("CREATE ROLE reader LOGIN PASSWORD '{READER_PASSWORD}'")).await;
        server
    }

    async fn mariadb() -> Self {
        let (install, mariadbd) = (program("mariadb-install-db"), program("mariadbd"));
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let user: &[&str] = if is_root(folder.path()) { &["--user=root"] } else { &[] };
        let making = command(&install, folder.path(), None)
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", data.display()))
            .args(user)
            .output()
            .unwrap();
        assert!(making.status.success(), "{}", String::from_utf8_lossy(&making.stderr));
        let grants = folder.path().join("grants.sql");
        let text = format!(
            "CREATE USER owner@'%' IDENTIFIED BY '{OWNER_PASSWORD}';\nGRANT ALL ON *.* TO owner@'%' WITH GRANT OPTION;\n\
             CREATE USER reader@'%' IDENTIFIED BY '{READER_PASSWORD}';\n"
        );
        std::fs::write(&grants, text).unwrap();
        let port = free_port();
        let in_folder = |name: &str| folder.path().join(name).display().to_string();
        let process = command(&mariadbd, folder.path(), None)
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"])
            .args(["--character-set-server=utf8mb4"])
            .args([format!("--port={port}"), format!("--datadir={}", data.display())])
            .args([format!("--socket={}", in_folder("socket")), format!("--pid-file={}", in_folder("pid"))])
            .arg(format!("--init-file={}", grants.display()))
            .args(user)
            .stderr(log_in(folder.path()))
            .spawn()
            .unwrap();
        let mut server = Self { kind: Kind::MariaDb, process, port, folder };
        server.wait_until_ready("mysql").await;
        server
    }

    /// The address of a database, for a user and a password as they stand in an address.
    pub(crate) fn address(&self, user: &str, password: &str, database: &str) -> String {
        let scheme = if self.kind == Kind::Postgres { "postgres" } else { "mariadb" };
        format!("{scheme}://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database in which the reader may do everything, with what some statements make.
    pub(crate) async fn make(&self, database: &str, statements: &str) {
        let (own, grant) = match self.kind {
            Kind::Postgres => (
                "postgres",
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO reader; GRANT ALL ON SCHEMA public TO reader".to_owned(),
            ),
            Kind::MariaDb => ("mysql", format!("GRANT ALL ON {database}.* TO reader")),
        };
        self.execute(own, &format!("CREATE DATABASE {database}")).await;
        self.execute(database, statements).await;
        self.execute(database, &grant).await;
    }

    /// Runs statements as the owner.
    pub(crate) async fn execute(&self, database: &str, statements: &str) {
        self.try_to_execute(database, statements).await.unwrap();
    }

    async fn try_to_execute(&self, database: &str, statements: &str) -> sqlx::Result<()> {
        let address = self.address("owner", OWNER_PASSWORD, database).replace("mariadb://", "mysql://");
        let sql = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        match self.kind {
            Kind::Postgres => sqlx::PgConnection::connect(&address).await?.execute(sql).await.map(drop),
            Kind::MariaDb => sqlx::MySqlConnection::connect(&address).await?.execute(sql).await.map(drop),
        }
    }

    /// A number that a query gives.
    pub(crate) async fn number(&self, database: &str, query: &str) -> i64 {
        let address = self.address("owner", OWNER_PASSWORD, database).replace("mariadb://", "mysql://");
        let sql = AssertSqlSafe(query.to_owned());
        match self.kind {
            Kind::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Kind::MariaDb => {
                let mut connection = sqlx::MySqlConnection::connect(&address).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn wait_until_ready(&mut self, database: &str) {
        let began = Instant::now();
        loop {
            let Err(error) = self.try_to_execute(database, "SELECT 1").await else { return };
            let ended = self.process.try_wait().unwrap();
            let is_starting = ended.is_none() && began.elapsed() < Duration::from_secs(60);
            assert!(is_starting, "{:?} did not start ({ended:?}, {error}): {}", self.kind, self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A program of the PATH, or of where Debian keeps servers.
fn program(name: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    folders.extend(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    assert!(found.is_some(), "the program {name} is not on this machine: `./x test` installs it");
    found.unwrap()
}

fn command(program: &Path, folder: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn log_in(folder: &Path) -> Stdio {
    std::fs::File::create(folder.join("log")).unwrap().into()
}

fn is_root(own: &Path) -> bool {
    own.metadata().unwrap().uid() == 0
}

/// The numbers of a user and its group.
fn user_of(name: &str) -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
