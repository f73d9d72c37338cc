/** Sidecars: the files of an image, in every task, and never half of them. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { upload } from "../../scripts/services/registry-upload.ts";
import { tarOf } from "../../scripts/services/tar.ts";
import type { TestImage } from "../../scripts/services/test-images.ts";
import { DockerSite, type DockerTask } from "../support/live-docker-site.ts";
import { EngineGate } from "../support/live-engine-gate.ts";
import { onEachEngineAndPodman } from "../support/live-services.ts";
import { eventually } from "../support/wait.ts";

/** An image that no engine has seen, so that its first use can be watched. */
async function freshSidecar(site: DockerSite, files = 50): Promise<string> {
  const name = `fresh/${crypto.randomUUID().slice(0, 8)}:1`;
  const entries = Array.from({ length: files }, (_, index) => ({
    path: `file-${index}`,
    kind: "file" as const,
    content: `${name} ${index}\n`.repeat(500),
  }));
  const image: TestImage = { name, layer: tarOf(entries) };
  await upload(site.registry, image);
  return site.image(name);
}

function at(image: string, mountPath: string, readWrite = false) {
  return { additional_sidecars: [{ image, mount_path: mountPath, read_write: readWrite }] };
}

function volumesOf(image: string) {
  const repository = image.slice(0, image.lastIndexOf(":")).replace(/[^A-Za-z0-9_.-]/g, "-");
  return (name: string) => name.startsWith(repository);
}

/** Of that many tasks, given at the same time: each of the ways in which they ended, once. */
async function endsAtOnce(site: DockerSite, count: number, task: DockerTask): Promise<string[]> {
  const given = Array.from({ length: count }, () => site.plane.submit(site.task(task)));
  const ends = await Promise.all(
    given.map(({ taskId }) => site.plane.waitForTask(taskId, [], { timeoutMs: 40_000 })),
  );
  return [...new Set(ends.map(({ state, message }) => `${state}: ${message}`))];
}

onEachEngineAndPodman("sidecars", ({ socket, registry, flavour }) => {
  test("8 of 8 tasks at the first parallel use of a sidecar see all of it", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const more = at(await freshSidecar(site), "/fresh");
    const sh = '[ "$(cat /fresh/file-* | wc -l)" = 25000 ]';
    expect(await endsAtOnce(site, 8, { sh, more })).toEqual(["completed: Task completed successfully"]);
  });

  // Podman 4.3.1 hung at once, for good: it takes the volumes of containers that are made beside each other crosswise.
  test("16 of 16 tasks that begin at once with five sidecars see all of them", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start({ flags: ["--max-concurrent-tasks", "16"] });
    const names = ["scratch", "writable", "with-volume", "task", "with-entrypoint"];
    const sidecars = names.map((name) => at(site.image(`test/${name}:1`), `/more/${name}`));
    const more = { additional_sidecars: sidecars.flatMap((fields) => fields.additional_sidecars) };
    const sh = `cd /more && for name in ${names.join(" ")}; do [ -n "$(ls -A $name)" ] || exit 1; done`;
    expect(await endsAtOnce(site, 16, { sh, more })).toEqual(["completed: Task completed successfully"]);
  });

  test("two workers that use it first at the same time both see all of it", async () => {
    await using one = await DockerSite.create({ socket, registry });
    await using other = await DockerSite.create({ socket, registry });
    const more = at(await freshSidecar(one), "/fresh");
    const sh = '[ "$(cat /fresh/file-* | wc -l)" = 25000 ]';
    await using _first = await one.start();
    await using _second = await other.start();
    const ends = await Promise.all([one, other, one, other].map((site) => site.run({ sh, more })));
    expect(ends.map(({ state, message }) => `${state}: ${message}`)).toEqual(
      Array.from({ length: 4 }, () => "completed: Task completed successfully"),
    );
  });

  test("an image without a shell, or anything to run, serves", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const more = at(site.image("test/scratch:1"), "/tools");
    const sh =
      '[ "$(cat /tools/data.txt)" = "from scratch" ] && ! touch /tools/x && [ "$(ls -A /tools)" = data.txt ]';
    const { state, message } = await site.run({ sh, more });
    expect(`${state}: ${message}`).toBe("completed: Task completed successfully");
  });

  test("links, modes, owners and odd names come as they are in the image", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const sh =
      "cd /agent/odd && stat -c '%n %a %u' empty owned setuid twin 'with space ü' >/control/$TASK_ID.stat && " +
      "cat link climbing >>/control/$TASK_ID.stat && touch /control/$TASK_ID.done";
    const { taskId, state } = await site.run({ sh });
    expect(state).toBe("completed");
    expect((await site.signOf(`${taskId}.stat`)).split("\n")).toEqual([
      ...[
        "empty 700 0",
        "owned 640 1000",
        "setuid 4755 0",
        "twin 640 1000",
        "with space ü 644 0",
        "1000",
        "1000",
        "",
      ],
    ]);
  });

  test("a read_write sidecar is a task's own: no trace for the next one, and none left", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const image = site.image("test/writable:1");
    const more = at(image, "/state", true);
    const sh =
      '[ "$(cat /state/note.txt)" = "as shipped" ] && [ ! -e /state/new ] && ' +
      "echo changed >/state/note.txt && touch /state/new";
    const ends = [
      await site.run({ sh, more }),
      ...(await Promise.all([1, 2].map(() => site.run({ sh, more })))),
    ];
    expect(ends.map(({ state, message }) => `${state}: ${message}`)).toEqual(
      Array.from({ length: 3 }, () => "completed: Task completed successfully"),
    );
    await site.cleared();
    // What was private is gone; a shared read-only one of the same image may stay, unchanged.
    const isOurs = ({ Labels }: { Labels: Readonly<Record<string, string>> | null }) =>
      Labels?.["oz-worker-id"] === site.workerId && Labels["oz-role"] === "private-sidecar";
    await eventually(async () => !(await site.api.volumes()).some(isOurs), "the private copies to go");
    const { state } = await site.run({
      sh: '[ "$(cat /state/note.txt)" = "as shipped" ]',
      more: at(image, "/state"),
    });
    expect(state).toBe("completed");
  });

  // The volume of the copy held what the engine puts into every container for its own mounts.
  test("a copy has the image's files, with their long names, and no others", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const name = `fresh/${crypto.randomUUID().slice(0, 8)}:1`;
    const long = `etc/${"a long folder's name/".repeat(4)}`;
    const folders = ["dev", "etc", `${long}`.slice(0, -1), "proc"].map((path) => {
      return { path, kind: "folder" } as const;
    });
    const file = (path: string, content: string) => ({ path, kind: "file", content }) as const;
    const deep = file(`${long}ü`, "deep\n");
    const files = [
      ...folders,
      file("dev/mine", "x"),
      deep,
      file("empty", ""),
      file("tool", "x".repeat(70_000)),
    ];
    await upload(site.registry, { name, layer: tarOf(files) });
    const sh = "cd /copy && find . | sort >/control/$TASK_ID.txt; cat tool | wc -c >>/control/$TASK_ID.txt";
    const { taskId, state } = await site.run({ sh, more: at(site.image(name), "/copy", true) });
    expect(state).toBe("completed");
    const found = (await site.signOf(`${taskId}.txt`)).trimEnd().split("\n");
    const parents = [1, 2, 3].map((depth) => `etc/${"a long folder's name/".repeat(depth)}`.slice(0, -1));
    const expected = [...files.map(({ path }) => path), ...parents].filter((path) => path !== "proc");
    expect(found).toEqual([".", ...expected.map((path) => `./${path}`).sort(), "70000"]);
  });

  // The engine made an empty volume in its place: the task saw no files, and the volume stayed for ever.
  test("a copy that is pruned just before its task's container is made is filled again", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using gate = await EngineGate.start(socket);
    await using _worker = await site.start({ env: { DOCKER_HOST: gate.host } });
    const image = await freshSidecar(site);
    const isIts = volumesOf(image);
    const creation = gate.hold(/^POST [^ ]*\/containers\/create\?name=oz-worker-(?!fill)/);
    const running = site.run({
      sh: '[ "$(cat /fresh/file-* | wc -l)" = 25000 ]',
      more: at(image, "/fresh", true),
    });
    await creation.arrived;
    const copies = (await site.api.volumes()).filter(({ Name }) => isIts(Name));
    expect(copies).toHaveLength(1);
    for (const { Name } of copies) await site.api.ask("DELETE", `/volumes/${Name}`);
    creation.release();
    const { state, message } = await running;
    expect(`${state}: ${message}`).toBe("completed: Task completed successfully");
    await site.cleared();
    await eventually(
      async () => !(await site.api.volumes()).some(({ Name }) => isIts(Name)),
      "its volumes to go",
    );
  });

  // What `docker system prune` does first, from a crontab: it takes every container that does not run.
  test.each([
    ["the files are read of", /^GET [^ ]*\/(?:export|archive)/],
    ["the files are written to", /^PUT [^ ]*\/archive/],
    ["is about to be started", /^POST [^ ]*\/start/],
  ])("a prune of the container that %s costs a task nothing but time", async (_what, request) => {
    await using site = await DockerSite.create({ socket, registry });
    await using gate = await EngineGate.start(socket);
    await using _worker = await site.start({ env: { DOCKER_HOST: gate.host } });
    const held = gate.hold(request);
    const running = site.run({
      sh: '[ "$(cat /fresh/file-* | wc -l)" = 25000 ]',
      more: at(await freshSidecar(site), "/fresh", true),
    });
    await held.arrived;
    const filters = encodeURIComponent(JSON.stringify({ label: [`oz-worker-id=${site.workerId}`] }));
    const pruned = await site.api.ask("POST", `/containers/prune?filters=${filters}`);
    expect(pruned).toMatchObject({ ContainersDeleted: expect.arrayContaining([expect.any(String)]) });
    held.release();
    const { state, message } = await running;
    expect(`${state}: ${message}`).toBe("completed: Task completed successfully");
    await site.cleared();
  });

  test("the agent's own sidecar may be rewritten by no task", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const { state } = await site.run({ sh: "! echo hacked 2>/dev/null >/agent/entrypoint.sh" });
    expect(state).toBe("completed");
    expect((await site.run({})).state).toBe("completed");
  });

  test.each([
    ["an empty image", { image: "", mount_path: "/tools" }],
    ["an empty path", { image: "a/b:1", mount_path: "" }],
    ["the agent's path again", { image: "a/b:1", mount_path: "/agent" }],
    ["the agent's path again, written in another way", { image: "a/b:1", mount_path: "/agent/" }],
  ])("a sidecar with %s is sidecar_prep", async (_what, sidecar) => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const task = await site.run({ more: { additional_sidecars: [sidecar] } });
    expect([task.state, task.failureReason]).toEqual(["failed", "sidecar_prep"]);
    await site.cleared();
  });

  if (flavour === "modern") return;

  test("a volume that a crash left half filled is filled anew", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const image = await freshSidecar(site);
    const sh = '[ "$(cat /fresh/file-* | wc -l)" = 25000 ]';
    expect((await site.run({ sh, more: at(image, "/fresh") })).state).toBe("completed");
    const isIts = volumesOf(image);
    const filled = (await site.api.volumes()).filter(({ Name }) => isIts(Name));
    expect(filled.length).toBeGreaterThan(0);
    // As the worker's crash in the middle of filling would leave it: the name taken, some files there.
    const [{ Name, Mountpoint } = { Name: "", Mountpoint: "" }] = filled;
    for (const { Name: name } of filled) await site.api.ask("DELETE", `/volumes/${name}`);
    await site.api.ask("POST", "/volumes/create", { Name });
    writeFileSync(join(Mountpoint, "file-1"), "half");
    const again = await site.run({ sh, more: at(image, "/fresh") });
    expect(`${again.state}: ${again.message}`).toBe("completed: Task completed successfully");
  });

  test("a worker killed while it fills is followed by one whose tasks see all of it", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const image = await freshSidecar(site, 400);
    const sh = '[ "$(cat /fresh/file-* | wc -l)" = 200000 ]';
    const isIts = volumesOf(image);
    await using first = await site.start();
    site.plane.submit(site.task({ sh, more: at(image, "/fresh") }));
    await eventually(
      async () => (await site.api.volumes()).some(({ Name }) => isIts(Name)),
      "the volume to be made",
      { timeoutMs: 30_000, intervalMs: 1 },
    );
    first.kill("SIGKILL");
    await first.exited;
    await using _second = await site.start();
    const { state, message } = await site.run({ sh, more: at(image, "/fresh") });
    expect(`${state}: ${message}`).toBe("completed: Task completed successfully");
    await site.plane.waitForAllTasks();
    await site.cleared();
  });

  test("a volume that no task has used for its age is removed, a stranger's and a used one are not", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const [old, used] = [await freshSidecar(site, 1), await freshSidecar(site, 1)];
    const stranger = `stranger-${site.workerId}`;
    await site.api.ask("POST", "/volumes/create", { Name: stranger });
    await using worker = await site.start();
    expect((await site.run({ more: at(old, "/x") })).state).toBe("completed");
    const [taskId = ""] = await site.hold(1, "", { more: at(used, "/x") });
    worker.kill("SIGKILL");
    await worker.exited;
    await using _next = await site.start({ docker: { sidecar_volume_max_age: "1ms" } });
    const names = async () => (await site.api.volumes()).map(({ Name }) => Name);
    await eventually(async () => !(await names()).some(volumesOf(old)), "the unused volume to go");
    expect((await names()).some(volumesOf(used))).toBe(true);
    expect(await names()).toContain(stranger);
    await site.release(taskId);
    expect((await site.plane.waitForTask(taskId)).state).toBe("completed");
    await site.api.ask("DELETE", `/volumes/${stranger}`);
  });
});
