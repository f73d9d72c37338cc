/** Images: where they come from, with whose name and password, and which ones are refused. */
import { expect, test } from "bun:test";
import { REGISTRY_ACCOUNT } from "../../scripts/services/docker-service.ts";
import { upload } from "../../scripts/services/registry-upload.ts";
import { tarOf } from "../../scripts/services/tar.ts";
import { baseEntries, type TestImage } from "../../scripts/services/test-images.ts";
import { DockerSite, type DockerTask } from "../support/live-docker-site.ts";
import { onEachEngine, onEachEngineAndPodman } from "../support/live-services.ts";

const { name: NAME, password: PASSWORD } = REGISTRY_ACCOUNT;

/** Of the registry that asks for a name: both the task's image and the agent's. */
function closedTask(closed: string, more: DockerTask = {}): DockerTask {
  const images = { docker_image: `${closed}/test/task:1`, sidecar_image: `${closed}/test/agent:1` };
  return { ...more, more: { ...images, ...more.more } };
}

async function dockerConfig(site: DockerSite, config: unknown): Promise<Record<string, string>> {
  await site.dir.write("docker-config/config.json", JSON.stringify(config));
  return { DOCKER_CONFIG: site.dir.join("docker-config") };
}

/** A credential helper as Docker starts it, which notes what it was asked. */
async function helper(site: DockerSite, body: string): Promise<string> {
  await site.dir.write("bin/docker-credential-live", `#!/bin/sh\n${body}\n`, 0o755);
  return `${site.dir.join("bin")}:${process.env["PATH"]}`;
}

async function freshImage(site: DockerSite): Promise<string> {
  const name = `fresh/${crypto.randomUUID().slice(0, 8)}:1`;
  const mark = { path: "mark", kind: "file", content: name } as const;
  const image: TestImage = { name, layer: tarOf([...(await baseEntries()), mark]) };
  await upload(site.registry, image);
  return name;
}

onEachEngineAndPodman("credentials", ({ socket, registry, closedRegistry }) => {
  test("a private registry's name and password come from the configuration's auths, for sidecars too", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const auth = Buffer.from(`${NAME}:${PASSWORD}`).toString("base64");
    const env = await dockerConfig(site, { auths: { [closedRegistry]: { auth } } });
    await using worker = await site.start({ env, top: { log_level: "debug" } });
    const { state, message } = await site.run(closedTask(closedRegistry));
    expect(`${state}: ${message}`).toBe("completed: Task completed successfully");
    expect(worker.stderr).not.toContain(PASSWORD);
    expect(worker.stderr).not.toContain(auth);
  });

  test("without credentials, and with wrong ones, the failure has the image and the registry's words", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const auth = Buffer.from(`${NAME}:wrong-password-here`).toString("base64");
    const env = await dockerConfig(site, { auths: { [closedRegistry]: { auth } } });
    const image = `${closedRegistry}/test/with-volume:1`;
    for (const extra of [{}, env]) {
      await using worker = await site.start({ env: extra });
      const task = await site.run({ more: { docker_image: image } });
      expect([task.state, task.failureReason]).toEqual(["failed", "image_pull"]);
      expect(task.message).toContain(image);
      expect(task.message).toMatch(/auth|denied|401/i);
      expect(`${task.message}${worker.stderr}`).not.toContain("wrong-password-here");
      expect(await worker.stop()).toBe(0);
    }
    await site.cleared();
  });
});

onEachEngine(
  "credentials, by the way that they are found,",
  ({ socket, registry, closedRegistry }) => {
    test("the configuration in the home folder is found", async () => {
      await using site = await DockerSite.create({ socket, registry });
      const auths = { [`http://${closedRegistry}/v1/`]: { username: NAME, password: PASSWORD } };
      await site.dir.write("home/.docker/config.json", JSON.stringify({ auths }));
      await using _worker = await site.start({ env: { HOME: site.dir.join("home") } });
      const { state, message } = await site.run(closedTask(closedRegistry));
      expect(`${state}: ${message}`).toBe("completed: Task completed successfully");
    });

    test.each([
      ["for this registry", (closed: string) => ({ credHelpers: { [closed]: "live" } })],
      ["for all of them", () => ({ credsStore: "live" })],
    ])("a credential helper %s is asked", async (_which, configOf) => {
      await using site = await DockerSite.create({ socket, registry });
      const answer = JSON.stringify({ ServerURL: closedRegistry, Username: NAME, Secret: PASSWORD });
      const PATH = await helper(site, `cat >>'${site.dir.join("asked")}'; echo '${answer}'`);
      const env = { ...(await dockerConfig(site, configOf(closedRegistry))), PATH };
      await using worker = await site.start({ env, top: { log_level: "debug" } });
      const { state, message } = await site.run(closedTask(closedRegistry));
      expect(`${state}: ${message}`).toBe("completed: Task completed successfully");
      expect(await Bun.file(site.dir.join("asked")).text()).toContain(closedRegistry);
      expect(worker.stderr).not.toContain(PASSWORD);
    });

    test("a helper that fails is named, and its output is not shown", async () => {
      await using site = await DockerSite.create({ socket, registry });
      const PATH = await helper(
        site,
        "cat >/dev/null; echo leaked-by-the-helper; echo leaked-too >&2; exit 1",
      );
      const env = { ...(await dockerConfig(site, { credHelpers: { [closedRegistry]: "live" } })), PATH };
      await using worker = await site.start({ env, top: { log_level: "debug" } });
      const { failureReason, message } = await site.run({
        more: { docker_image: `${closedRegistry}/test/task:1` },
      });
      expect(failureReason).toBe("image_pull");
      expect(`${message}${worker.stderr}`).toContain("docker-credential-live");
      expect(`${message}${worker.stderr}`).not.toMatch(/leaked/);
    });
  },
  ["debian"],
);

onEachEngineAndPodman("images that are refused", ({ socket, registry }) => {
  test.each([
    ["of a task", "image_pull", (site: DockerSite) => ({ docker_image: site.image("test/foreign:1") })],
    [
      "of a sidecar",
      "sidecar_prep",
      (site: DockerSite) => ({
        additional_sidecars: [{ image: site.image("test/foreign-sidecar:1"), mount_path: "/x" }],
      }),
    ],
  ])("an image %s for another platform is refused by name", async (_whose, reason, more) => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const task = await site.run({ more: more(site) });
    expect(task.state).toBe("failed");
    expect(["image_pull", reason]).toContain(task.failureReason ?? "");
    expect(task.message).toMatch(/test\/foreign/);
    expect(task.message).toMatch(/linux\/(?:amd64|arm64)/);
    await site.cleared();
  });
});

onEachEngineAndPodman("pull policies", ({ socket, registry }) => {
  test("an image is pulled for each task unless told otherwise, so a tag that moved is seen", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const name = await freshImage(site);
    const sh = (mark: string) => `[ "$(cat /mark)" = "${mark}" ]`;
    expect((await site.run({ image: name, sh: sh(name) })).state).toBe("completed");
    const mark = { path: "mark", kind: "file", content: "moved" } as const;
    await upload(registry, { name, layer: tarOf([...(await baseEntries()), mark]) });
    expect((await site.run({ image: name, sh: sh("moved") })).state).toBe("completed");
  });

  test("if-not-present needs no registry for what is there, never pulls nothing", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const [there, missing] = [await freshImage(site), await freshImage(site)];
    for (const image of [there, "test/agent:1"]) await site.api.pull(site.image(image));
    await using present = await site.start({ docker: { image_pull_policy: "if-not-present" } });
    expect((await site.run({ image: there })).state).toBe("completed");
    expect(await present.stop()).toBe(0);
    await using _never = await site.start({ docker: { image_pull_policy: "never" } });
    expect((await site.run({ image: there })).state).toBe("completed");
    const task = await site.run({ image: missing });
    expect([task.state, task.failureReason]).toEqual(["failed", "image_pull"]);
    expect(task.message).toContain(site.image(missing));
    const nameless = await site.run({ more: { docker_image: null } });
    expect(nameless.message).toContain("ubuntu:22.04");
  });
});

/** The engines differ in nothing that matters here, and a registry that is not there takes its time. */
onEachEngine(
  "images that are not there",
  ({ socket, registry }) => {
    test.each([
      ["that is not there", "test/none:1"],
      ["whose tag is not there", "test/task:none"],
      ["that is no name", "Not A Name"],
      ["with a space", "a b"],
      ["of a registry that does not answer", "127.0.0.1:9/a/b:1"],
    ])("an image %s is image_pull with its name, and the next task runs", async (_what, name) => {
      await using site = await DockerSite.create({ socket, registry });
      await using _worker = await site.start();
      const image = name.startsWith("test/") ? site.image(name) : name;
      const task = await site.run({ more: { docker_image: image } });
      expect([task.state, task.failureReason]).toEqual(["failed", "image_pull"]);
      expect(task.message).toContain(image);
      expect((await site.run({})).state).toBe("completed");
      await site.cleared();
    });
  },
  ["debian"],
);
