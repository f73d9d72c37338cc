/**
 * The body of `POST /containers/create`, as far as it is used here, in the engine's own names:
 * https://docs.docker.com/reference/api/engine/
 */

export interface ContainerBody {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  /** NAME=VALUE. */
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly HostConfig?: HostConfig;
}

export interface HostConfig {
  /** HOST-OR-VOLUME:PATH[:ro]. */
  readonly Binds?: readonly string[];
  readonly Mounts?: readonly Mount[];
  readonly NanoCpus?: number;
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly PidsLimit?: number;
  readonly SecurityOpt?: readonly string[];
  readonly CapDrop?: readonly string[];
  readonly NetworkMode?: string;
  readonly Runtime?: string;
}

export interface Mount {
  /** Needs API 1.48. */
  readonly Type: "image";
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
}
