//! The containers that the hosts of a run are, and what acts on them.

use std::{
    collections::BTreeMap,
    io,
    net::Ipv4Addr,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, future::join_all};
use testcontainers::{
    ContainerAsync, GenericImage, ImageExt,
    bollard::{
        models::{ContainerUpdateBody, VolumeCreateRequest},
        query_parameters::{
            DownloadFromContainerOptionsBuilder, KillContainerOptionsBuilder, RemoveVolumeOptions,
            StatsOptionsBuilder,
        },
    },
    core::{CmdWaitFor, ExecCommand, Mount, error::TestcontainersError},
};
use tokio::time::timeout;

use super::{
    engine::{Engine, USER, reason},
    image::Image,
    labels::labels,
    layout::Bridge,
    network::{Network, Proxies},
    request::{self, request},
    watch::Watched,
};
use crate::{
    backend::real::{
        DISK, DiskAct, Ear, Entrypoint, Exit, FILES, Filled, Machines, PERIOD_US, START_VARIABLE,
        SUBCOMMAND, Start, count_from_files, quota_us,
    },
    plan::Plan,
};

/// The size of a disk that is to be full for a while: what fills it takes this much memory.
const DISK_BYTES: u64 = 64 << 20;

/// How long a container may take to end that was killed.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest text in an environment that Linux passes on: `MAX_ARG_STRLEN`.
const START_BYTES_MAX: usize = 128 << 10;

/// The container of one host.
#[derive(Default)]
struct Place {
    container: Option<ContainerAsync<GenericImage>>,
    /// What it was told to be.
    start: String,
    is_running: bool,
    is_paused: bool,
    incarnation: u64,
    /// How often it is measured, if the program in it is not ours.
    sampled_every: Option<Duration>,
    /// So many of its lines were told, since the same container may be started again.
    heard: Arc<AtomicUsize>,
}

/// The containers of one run.
pub(super) struct Docked {
    engine: Engine,
    image: Image,
    network: Network,
    layout: Arc<Bridge>,
    proxies: Proxies,
    /// The names of hosts.
    hosts: Vec<String>,
    /// The containers that hold the networks of hosts.
    holders: BTreeMap<u16, ContainerAsync<GenericImage>>,
    /// The hosts whose disks the plan fills.
    disks: BTreeMap<u16, Filled>,
    places: Vec<Place>,
    /// In how many periods a container had used up its quota before a fault gave it a smaller one.
    throttled: BTreeMap<u16, (u16, u64)>,
    ear: Ear,
}

impl Docked {
    pub(super) fn new(
        plan: &Plan,
        engine: Engine,
        image: Image,
        network: Network,
        proxies: Proxies,
        layout: Arc<Bridge>,
        ear: Ear,
    ) -> Self {
        let places = plan.topology.hosts.iter().map(|_| Place::default()).collect();
        let hosts = plan.topology.hosts.iter().map(|host| host.name.clone()).collect();
        let (holders, throttled) = (BTreeMap::new(), BTreeMap::new());
        let disks = plan.hosts_with_full_disks().into_iter();
        let disks = disks.map(|host| (host, Filled::default())).collect();
        Self {
            engine,
            image,
            network,
            layout,
            proxies,
            hosts,
            holders,
            disks,
            places,
            throttled,
            ear,
        }
    }

    fn place(&self, host: u16) -> &Place {
        &self.places[usize::from(host)]
    }

    /// The container of a host that runs.
    fn running(&self, host: u16) -> Option<&str> {
        let place = self.place(host);
        let container = place.container.as_ref().filter(|_| place.is_running)?;
        Some(container.id())
    }

    /// Makes what a host keeps its files in: a small file system in memory, if its disk is to be full.
    async fn make_volume(&self, host: u16) -> Result<(), String> {
        let options = self.disks.contains_key(&host).then(|| {
            let owner = format!("size={DISK_BYTES},uid={0},gid={0},mode=0755", USER.0);
            [("type", "tmpfs".to_owned()), ("device", "tmpfs".to_owned()), ("o", owner)]
                .map(|(name, value)| (name.to_owned(), value))
                .into()
        });
        let volume = VolumeCreateRequest {
            name: Some(self.layout.volume(host)),
            driver_opts: options,
            labels: Some(labels().collect()),
            ..VolumeCreateRequest::default()
        };
        let made = self.engine.0.create_volume(volume).await;
        made.map(drop).map_err(|error| format!("there is no volume for it: {}", reason(&error)))
    }

    fn files(&self, host: u16) -> Mount {
        let at = if self.disks.contains_key(&host) { DISK.to_owned() } else { format!("/{FILES}") };
        Mount::volume_mount(self.layout.volume(host), at)
    }

    /// Where the process of a host works.
    fn works_in(&self, host: u16) -> String {
        let disk = if self.disks.contains_key(&host) { DISK } else { "" };
        format!("{disk}/{FILES}")
    }

    /// Does something to the disk of a host: how many writes were refused on it so far?
    async fn act_on_disk(&self, host: u16, act: DiskAct) -> Result<u64, String> {
        let Some(holder) = self.holders.get(&host) else { return Ok(0) };
        let start = Start::beside(&self.hosts[usize::from(host)], Entrypoint::Disk(act));
        let told = start.line()?;
        let command = ExecCommand::new(self.image.command([SUBCOMMAND]))
            .with_env_vars([(START_VARIABLE, told)])
            .with_cmd_ready_condition(CmdWaitFor::exit());
        let wrong = |error: TestcontainersError| format!("nothing is done to its disk: {error}");
        let mut done = holder.exec(command).await.map_err(wrong)?;
        let said = done.stdout_to_vec().await.map_err(wrong)?;
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        match said.parse() {
            Ok(refused) => Ok(refused),
            Err(_) => {
                let error = done.stderr_to_vec().await.map_err(wrong)?;
                Err(format!("its disk: {}", String::from_utf8_lossy(&error).trim()))
            }
        }
    }

    /// Makes and starts the container of a host.
    async fn make(
        &self,
        host: u16,
        start: &Start,
        line: &str,
    ) -> Result<ContainerAsync<GenericImage>, String> {
        if line.len() > START_BYTES_MAX {
            let found = line.len();
            return Err(format!(
                "expected a configuration of up to {START_BYTES_MAX} bytes, found {found}"
            ));
        }
        let name = format!("{}-process", self.layout.name_of(host));
        let holder = self.layout.name_of(host).to_owned();
        let request = match &start.what {
            Entrypoint::Image { image, args, env } => {
                let request = request::foreign(image, &name).with_mount(self.files(host));
                let request = if args.is_empty() { request } else { request.with_cmd(args) };
                env.iter().fold(request, |request, (name, value)| request.with_env_var(name, value))
            }
            _ => request(&self.image, &name)
                .with_cmd(self.image.command([SUBCOMMAND]))
                .with_working_dir(self.works_in(host))
                .with_mount(self.files(host))
                .with_mount(Mount::tmpfs_mount("/tmp"))
                .with_env_var(START_VARIABLE, line),
        };
        let env = start.env().into_iter();
        let request = env.fold(request, |request, (name, value)| request.with_env_var(name, value));
        request::start(request.with_host_config_modifier(move |config| {
            request::limits(config);
            config.network_mode = Some(format!("container:{holder}"));
        }))
        .await
    }

    /// Starts what holds the network of a host.
    async fn hold(&self, host: u16) -> Result<(ContainerAsync<GenericImage>, Ipv4Addr), String> {
        let hostname = self.hosts[usize::from(host)].clone();
        let start = Start::beside(&hostname, Entrypoint::Nothing);
        let told = start.line()?;
        self.make_volume(host).await?;
        let request = request(&self.image, self.layout.name_of(host))
            .with_mount(self.files(host))
            .with_network(&self.network.name)
            .with_hostname(hostname)
            .with_cmd(self.image.command([SUBCOMMAND]))
            .with_env_var(START_VARIABLE, told);
        let container = request::start(request).await?;
        let address = self.engine.address(container.id(), &self.network).await?;
        Ok((container, address))
    }

    /// Tells what becomes of the container that a host has now.
    fn watch(&mut self, host: u16, id: &str) {
        let place = &mut self.places[usize::from(host)];
        let container = Watched { engine: self.engine.clone(), id: id.to_owned() };
        let (incarnation, ear) = (place.incarnation, self.ear.clone());
        let ends = container.clone();
        tokio::spawn(async move {
            if let Some((status, output)) = ends.end().await {
                ear.exit(Exit { host, incarnation, status, output });
            }
        });
        // A function in a container tells all that of itself.
        let Some(every) = place.sampled_every else { return };
        let (name, heard) = (self.hosts[usize::from(host)].clone(), Arc::clone(&place.heard));
        let ear = self.ear.clone();
        tokio::spawn(async move {
            let lines = [ear.lines(&name, "stdout"), ear.lines(&name, "stderr")];
            tokio::join!(container.hear(lines, &heard), container.measure(&ear, &name, every));
        });
    }

    async fn signal(&self, host: u16, signal: &str) {
        let Some(id) = self.running(host) else { return };
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        // One that has just ended is told by its end.
        let _ = self.engine.0.kill_container(id, Some(options)).await;
    }

    /// In how many periods a container has used up its quota so far.
    async fn throttled(&self, id: &str) -> u64 {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let stats = self.engine.0.stats(id, Some(options)).next().await;
        let throttled = stats
            .and_then(Result::ok)
            .and_then(|stats| stats.cpu_stats?.throttling_data?.throttled_periods);
        throttled.unwrap_or(0)
    }

    async fn set_quota(&self, id: &str, micros: i64) -> Result<(), String> {
        let update = ContainerUpdateBody {
            cpu_period: Some(PERIOD_US),
            cpu_quota: Some(micros),
            ..ContainerUpdateBody::default()
        };
        let updated = self.engine.0.update_container(id, update).await;
        updated.map_err(|error| reason(&error))
    }
}

impl Machines for Docked {
    /// Makes the networks of hosts: a container for each that holds it, whatever becomes of the process.
    async fn prepare(&mut self) -> Result<(), String> {
        let holders = join_all(self.layout.hosts().map(|host| self.hold(host))).await;
        for (host, holder) in self.layout.hosts().zip(holders) {
            let (holder, address) = holder?;
            self.holders.insert(host, holder);
            self.layout.found(host, address);
        }
        for host in self.disks.keys() {
            self.act_on_disk(*host, DiskAct::Prepare).await?;
        }
        Ok(())
    }

    async fn start(&mut self, host: u16, mut start: Start) -> Result<(), String> {
        start.refused_writes = self.disks.contains_key(&host).then(count_from_files);
        let line = start.line()?;
        let place = &mut self.places[usize::from(host)];
        let is_same = place.start == line;
        let container = match place.container.take() {
            Some(container) if is_same => {
                let started = container.start().await;
                started.map_err(|error| format!("its container does not start: {error}"))?;
                container
            }
            other => {
                if let Some(container) = other {
                    let removed = container.rm().await;
                    removed.map_err(|error| format!("its container stays: {error}"))?;
                }
                self.places[usize::from(host)].heard = Arc::default();
                self.make(host, &start, &line).await?
            }
        };
        let id = container.id().to_owned();
        let place = &mut self.places[usize::from(host)];
        place.container = Some(container);
        place.start = line;
        place.sampled_every = matches!(start.what, Entrypoint::Image { .. })
            .then(|| Duration::from_millis(start.sample_every_ms));
        place.is_running = true;
        place.is_paused = false;
        place.incarnation += 1;
        self.watch(host, &id);
        Ok(())
    }

    fn is_running(&self, host: u16) -> bool {
        self.place(host).is_running
    }

    fn incarnation(&self, host: u16) -> u64 {
        self.place(host).incarnation
    }

    async fn output(&self, host: u16) -> String {
        match &self.place(host).container {
            Some(container) => {
                let (engine, id) = (self.engine.clone(), container.id().to_owned());
                Watched { engine, id }.output().await
            }
            None => String::new(),
        }
    }

    fn ended(&mut self, exit: &Exit) -> bool {
        let place = &mut self.places[usize::from(exit.host)];
        let is_present = place.incarnation == exit.incarnation && place.is_running;
        if is_present {
            place.is_running = false;
        }
        is_present
    }

    async fn terminate(&mut self, host: u16) {
        self.signal(host, "SIGTERM").await;
    }

    async fn kill(&mut self, host: u16) {
        // Before it is resumed, if it is paused: it must not move again.
        self.signal(host, "SIGKILL").await;
        self.resume(host).await;
        if let Some(id) = self.running(host) {
            // One that is still ending cannot be started again, which whoever tries is told.
            let _ = timeout(END_TIMEOUT, self.engine.0.wait_container(id, None).next()).await;
        }
        self.places[usize::from(host)].is_running = false;
    }

    async fn pause(&mut self, host: u16) -> Result<(), String> {
        let Some(id) = self.running(host) else { return Ok(()) };
        if self.place(host).is_paused {
            return Ok(());
        }
        self.engine.0.pause_container(id).await.map_err(|error| reason(&error))?;
        self.places[usize::from(host)].is_paused = true;
        Ok(())
    }

    async fn resume(&mut self, host: u16) {
        if !self.place(host).is_paused {
            return;
        }
        if let Some(id) = self.running(host) {
            // One that has just ended is told by its end.
            let _ = self.engine.0.unpause_container(id).await;
        }
        self.places[usize::from(host)].is_paused = false;
    }

    async fn has_files(&self, host: u16) -> bool {
        let Some(container) = &self.place(host).container else { return false };
        let path = self.works_in(host);
        let options = DownloadFromContainerOptionsBuilder::new().path(&path).build();
        let files = self.engine.0.download_from_container(container.id(), Some(options));
        let files: Result<Vec<_>, _> = files.take(64).try_collect().await;
        // What cannot be read may be anything.
        let Ok(files) = files else { return true };
        let mut archive = tar::Archive::new(io::Cursor::new(files.concat()));
        let Ok(entries) = archive.entries() else { return true };
        // The folder itself is the first.
        entries.count() > 1
    }

    async fn slow(&mut self, fault: u16, host: u16, cores: u16, factor: f64) -> Result<(), String> {
        let Some(id) = self.running(host) else { return Ok(()) };
        let micros = quota_us(cores, factor);
        let before = self.throttled(id).await;
        self.set_quota(id, micros).await?;
        self.throttled.insert(fault, (host, before));
        Ok(())
    }

    async fn end_slow(&mut self, fault: u16) -> u64 {
        let Some((host, before)) = self.throttled.remove(&fault) else { return 0 };
        let Some(id) = self.running(host) else { return 0 };
        let throttled = self.throttled(id).await;
        // One that has just ended has no quota any more.
        let _ = self.set_quota(id, -1).await;
        throttled.saturating_sub(before)
    }

    async fn fill_disk(&mut self, fault: u16, host: u16) -> Result<(), String> {
        let refused = self.act_on_disk(host, DiskAct::Fill).await?;
        if let Some(filled) = self.disks.get_mut(&host) {
            filled.begin(fault, refused);
        }
        Ok(())
    }

    async fn make_room(&mut self, fault: u16, host: u16) -> Result<u64, String> {
        let Some(filled) = self.disks.get(&host).filter(|filled| filled.has(fault)) else {
            return Ok(0);
        };
        let act = if filled.is_only(fault) { DiskAct::MakeRoom } else { DiskAct::Fill };
        let refused = self.act_on_disk(host, act).await?;
        Ok(self.disks.get_mut(&host).map_or(0, |filled| filled.end(fault, refused)))
    }

    /// What the system tells of a container, the function in it tells itself; others are measured beside
    /// the run.
    async fn gauges(&mut self, _: u16) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    async fn kill_all(&mut self) {
        let running = self.places.iter().filter(|place| place.is_running);
        let ids: Vec<&str> = running.filter_map(|it| Some(it.container.as_ref()?.id())).collect();
        join_all(ids.into_iter().map(|id| self.engine.0.kill_container(id, None))).await;
        for place in &mut self.places {
            place.is_running = false;
        }
    }

    async fn end(self) {
        let Self { engine, network, layout, proxies, holders, places, .. } = self;
        let containers = places.into_iter().filter_map(|place| place.container);
        // What cannot be removed is found by the next run.
        join_all(containers.map(ContainerAsync::rm)).await;
        join_all(holders.into_values().chain([proxies.container]).map(ContainerAsync::rm)).await;
        engine.remove_network(&network).await;
        let volumes = layout.hosts().map(|host| layout.volume(host));
        for volume in volumes {
            let _ = engine.0.remove_volume(&volume, None::<RemoveVolumeOptions>).await;
        }
    }
}
