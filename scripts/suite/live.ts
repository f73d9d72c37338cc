/** The tests against real engines and a real cluster, which run as long as the tests do. */
import type { RunningService } from "../services/service.ts";
import { liveServices, startServices } from "../services/start-services.ts";
import { type Repetition, runHands, type Surroundings, testFiles } from "./step.ts";
import type { Tally } from "./tally.ts";

/** What has the container engines for itself, and what has the cluster. */
const ON_ENGINES = /(?:^|\/)docker-(?!contract|images|engine|stop)[^/]*\.test\.ts$/;
const ON_CLUSTER = /(?:^|\/)(?:kubernetes-[^/]*|command-kubectl)\.test\.ts$/;

export class LiveTests implements AsyncDisposable {
  private readonly here: Surroundings;
  private services: Promise<RunningService> | null = null;

  constructor(here: Surroundings) {
    this.here = here;
  }

  /** Starts engines and cluster, which take half a minute in which little else is to be done. */
  prepare(): void {
    if (this.services !== null) return;
    this.services = startServices(liveServices(), this.here.write);
    // It is told of to whoever waits for it, and that may be nobody yet.
    this.services.catch(() => undefined);
  }

  /**
   * Those that fill the container engines with tasks beside those on the cluster and beside all others: they share
   * next to nothing, and mostly wait. Those of the contract, of stops, of images and of engines of their own are among
   * the others, or the first would go on alone. What fails runs again on fresh engines: podman 4.3 was once seen to hold
   * a lock for good when eight tasks began at once, and failed every test after it.
   */
  async run(): Promise<Tally> {
    const files = await testFiles(this.here, "live");
    const onEngines = files.filter((file) => ON_ENGINES.test(file));
    const onCluster = files.filter((file) => ON_CLUSTER.test(file));
    const elsewhere = files.filter((file) => !ON_ENGINES.test(file) && !ON_CLUSTER.test(file));
    const repetition: Repetition = {
      atMost: files.length - onCluster.length,
      prepare: async () => {
        await this[Symbol.asyncDispose]();
        return await this.environment();
      },
    };
    const hands = [onEngines, onCluster, elsewhere];
    const env = await this.environment();
    return await runHands(this.here, hands, { env, repetition, atOnce: hands.length, onEngines: true });
  }

  private async environment(): Promise<RunningService["env"]> {
    this.prepare();
    return (await this.services)?.env ?? {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const services = this.services;
    this.services = null;
    await (await services?.catch(() => null))?.[Symbol.asyncDispose]();
  }
}
