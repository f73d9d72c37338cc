/** The compiled worker in a container of the engine that it uses: its state folder goes with it. */
import { expect } from "bun:test";
import type { DockerSite } from "./live-docker-site.ts";
import { eventually } from "./wait.ts";
import { TEST_API_KEY, workerCommand } from "./worker-process.ts";

/** The executable needs the C library, which the test images do not have. */
const LIBRARIES = ["/lib", "/lib64", "/usr/lib"] as const;

export class ContainedWorker implements AsyncDisposable {
  readonly id: string;
  readonly #site: DockerSite;

  private constructor(id: string, site: DockerSite) {
    this.id = id;
    this.#site = site;
  }

  static async start(site: DockerSite): Promise<ContainedWorker> {
    const command = workerCommand();
    expect(command).toHaveLength(1);
    const config = await site.dir.write("contained.yaml", site.config());
    const image = site.image("test/task:1");
    await site.api.pull(image);
    const id = await site.api.start({
      Image: image,
      Cmd: ["/worker", "--config-file", "/worker.yaml", "--web-socket-url", site.plane.webSocketUrl],
      Env: [
        `WARP_API_KEY=${TEST_API_KEY}`,
        "STATE_DIRECTORY=/state",
        "DOCKER_HOST=unix:///docker.sock",
        "HOME=/root",
      ],
      HostConfig: {
        // To the control plane on this host's loopback address.
        NetworkMode: "host",
        Binds: [
          ...LIBRARIES.map((path) => `${path}:${path}:ro`),
          `${command[0]}:/worker:ro`,
          `${config}:/worker.yaml:ro`,
          `${site.api.socket}:/docker.sock`,
        ],
      },
    });
    const worker = new ContainedWorker(id, site);
    await eventually(
      async () => /worker ready/.test(await site.api.logs(id)),
      () => `the worker in container ${id} to be ready`,
    ).catch(async (error: unknown) => {
      const said = await site.api.logs(id);
      await worker.remove();
      throw new Error(`The worker in a container did not start: ${said}`, { cause: error });
    });
    return worker;
  }

  /** Without notice, and with all that was in it. */
  async remove(): Promise<void> {
    await this.#site.api.remove(this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}
