/** Figures of the Docker backend on an engine of their own, in turn with a bare loop on its socket. */
import { DockerEngine } from "../services/docker-engine.ts";
import { Registry } from "../services/registry.ts";
import { upload } from "../services/registry-upload.ts";
import { testImages } from "../services/test-images.ts";
import { DockerLoop } from "./docker-loop.ts";
import { type Figure, median } from "./figures.ts";
import { Subject, type SubjectKind } from "./subject.ts";

export interface DockerScale {
  readonly tasks: number;
  readonly atOnce: number;
  readonly rounds: number;
}

const TASK_IMAGE = "test/task:1";
const AGENT_IMAGE = "test/agent:1";

/** `executable`: the worker's. */
export async function dockerFigures(executable: string, scale: DockerScale): Promise<Figure[]> {
  await using engine = await DockerEngine.start({ flavour: "debian" });
  await using registry = await Registry.start();
  for (const image of await testImages()) await upload(registry.address, image);
  const image = (name: string) => `${registry.address}/${name}`;
  const assignment = { docker_image: image(TASK_IMAGE), sidecar_image: image(AGENT_IMAGE) };
  const environment = { DOCKER_HOST: engine.host };
  // The pull's round trip to a registry is the registry's, not the worker's.
  const docker = { image_pull_policy: "if-not-present" };
  const kind: SubjectKind = { name: "worker", executable, backend: { docker }, environment, assignment };
  const binds = [`${await warmUp(kind, engine.socket)}:/agent:ro`];
  const loop = new DockerLoop(engine.socket, {
    Image: assignment.docker_image,
    Cmd: ["/agent/entrypoint.sh"],
    WorkingDir: "/workspace",
    HostConfig: { Binds: binds },
  });
  return [...(await speed(kind, loop, scale)), ...(await idle(kind, executable))];
}

/** The sidecar's volume, filled. */
async function warmUp(kind: SubjectKind, socket: string): Promise<string> {
  await using subject = new Subject(kind, "");
  await subject.start();
  await subject.plane.run(["warm-up"], {}, "ended");
  const filter = encodeURIComponent(JSON.stringify({ label: ["oz-role=sidecar"] }));
  const response = await fetch(`http://docker/v1.41/volumes?filters=${filter}`, { unix: socket });
  const { Volumes } = (await response.json()) as { Volumes: { Name: string }[] };
  return Volumes[0]?.Name ?? "";
}

async function speed(kind: SubjectKind, loop: DockerLoop, scale: DockerScale): Promise<Figure[]> {
  const one = { worker: [] as number[], floor: [] as number[] };
  const many = { worker: [] as number[], floor: [] as number[] };
  await using subject = new Subject(kind, "");
  await subject.start();
  await subject.plane.run(["first"], {}, "ended");
  for (let round = 0; round < scale.rounds; round++) {
    for (let i = 0; i < scale.tasks; i++) {
      one.floor.push(await timed(() => loop.run()));
      one.worker.push(await timed(() => subject.plane.run([`one-${round}-${i}`], {}, "ended")));
    }
    const ids = Array.from({ length: scale.atOnce }, (_, index) => `many-${round}-${index}`);
    many.floor.push(await timed(() => Promise.all(ids.map(() => loop.run()))));
    many.worker.push(await timed(() => subject.plane.run(ids, {}, "ended")));
  }
  const perSecond = (values: readonly number[]) => (scale.atOnce / median(values)) * 1_000;
  return [
    {
      name: "docker: one cached task",
      unit: "ms",
      worker: median(one.worker),
      floor: median(one.floor),
      target: "at most 1.25 of the floor",
    },
    {
      name: `docker: ${scale.atOnce} at once`,
      unit: "tasks/s",
      worker: perSecond(many.worker),
      floor: perSecond(many.floor),
      target: "at least 0.9 of the floor",
    },
  ];
}

/** Beside a worker with the Direct backend, which stands in the place of the floor. */
async function idle(docker: SubjectKind, executable: string): Promise<Figure[]> {
  const direct: SubjectKind = { name: "worker", executable };
  const read = async (kind: SubjectKind) => {
    await using subject = new Subject(kind, "/bin/true");
    await subject.start();
    await Bun.sleep(1_500); // idle is a state of time: what start-up left is collected by then
    return subject.memory();
  };
  const [floor, worker] = [await read(direct), await read(docker)];
  const target = "at most 3 MB over Direct's, in the floor's place";
  return [
    {
      name: "docker: idle, resident",
      unit: "MB",
      worker: worker.residentMb,
      floor: floor.residentMb,
      target,
    },
    { name: "docker: idle, private", unit: "MB", worker: worker.privateMb, floor: floor.privateMb, target },
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
