/** Where the engine is, and why it is looked for there. */

/** PEM texts; null: not set. */
export interface EngineTls {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** False only where the operator said so (a context with SkipTLSVerify, DOCKER_TLS without VERIFY). */
  readonly verify: boolean;
}

export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls: EngineTls | null }
  /** `target` as the operator wrote it: ssh://user@host:port. */
  | { readonly kind: "ssh"; readonly target: string };

export interface ChosenEndpoint {
  readonly endpoint: Endpoint;
  /** As the operator would write it: unix:///var/run/docker.sock, tcp://host:2376. */
  readonly label: string;
  /** Completes "chosen because of …": "DOCKER_HOST", 'docker context "x" of DOCKER_CONTEXT'. */
  readonly why: string;
}

/** Docker's order: DOCKER_HOST, DOCKER_CONTEXT, config.json's currentContext, the default sockets. @throws EndpointError */
export function chooseEndpoint(environment: Readonly<Record<string, string>>): ChosenEndpoint {
  throw new Error("soon");
}
