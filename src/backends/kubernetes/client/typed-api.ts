/**
 * client-node's typed API, its requests sent by our transport. Imported from where it is generated: the
 * package's own entry brings clients for exec, OpenID and web sockets along, which cost 10 MB and are not used.
 */
import {
  AuthorizationV1Api,
  BatchV1Api,
  type ConfigurationOptions,
  CoordinationV1Api,
  CoreV1Api,
  createConfiguration,
  Observable,
  type ObservableMiddleware,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  VersionApi,
  wrapHttpLibrary,
} from "@kubernetes/client-node/dist/gen/index.js";
import { never } from "../../../async/wait.ts";
import type { Transport } from "./transport.ts";

export interface TypedApi {
  readonly batch: BatchV1Api;
  readonly core: CoreV1Api;
  readonly coordination: CoordinationV1Api;
  readonly authorization: AuthorizationV1Api;
  readonly version: VersionApi;
  /** When (by performance.now) the server last was not there, or not well. */
  lastAwayAt(): number;
  /** In ms since 1970, by the cluster's clock. */
  now(): number;
  /** Of a text, as a log is, the first `mostBytes`, however much the server sends. */
  text(path: string, mostBytes: number, signal: AbortSignal): Promise<string>;
  /** What each call is given last. */
  options(signal: AbortSignal, payload?: Payload): ConfigurationOptions<ObservableMiddleware>;
}

/**
 * Sent instead of what the call was given. client-node's serializer leaves out every field that it does
 * not know, so the server could not complain about it; and it sends patches as JSON Patch.
 */
export interface Payload {
  readonly body?: object;
  readonly mergePatch?: object;
}

/**
 * For client-node, which parses and writes anew the address that it is given: the default port was gone from that, and
 * the path behind it cut short, so that no worker started in a cluster. The transport knows where the server is.
 */
const STAND_IN = "https://cluster.invalid";

export function createTypedApi(transport: Transport): TypedApi {
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(STAND_IN, {}),
    httpApi: wrapHttpLibrary({ send: (request) => send(transport, request) }),
  });
  return {
    batch: new BatchV1Api(configuration),
    core: new CoreV1Api(configuration),
    coordination: new CoordinationV1Api(configuration),
    authorization: new AuthorizationV1Api(configuration),
    version: new VersionApi(configuration),
    lastAwayAt: () => transport.lastAwayAt,
    now: () => transport.now(),
    text: (path, mostBytes, signal) => transport.text({ method: "GET", path, signal }, mostBytes),
    options: (signal, payload = {}) => ({
      middleware: [middlewareFor(signal, payload)],
      middlewareMergeStrategy: "append",
    }),
  };
}

function middlewareFor(signal: AbortSignal, { body, mergePatch }: Payload): ObservableMiddleware {
  return {
    pre: (context) => {
      context.setSignal(signal);
      const payload = body ?? mergePatch;
      if (payload !== undefined) context.setBody(JSON.stringify(payload));
      if (mergePatch !== undefined) context.setHeaderParam("Content-Type", "application/merge-patch+json");
      return new Observable(Promise.resolve(context));
    },
    post: (context) => new Observable(Promise.resolve(context)),
  };
}

async function send(transport: Transport, request: RequestContext): Promise<ResponseContext> {
  const body = request.getBody();
  const { status, headers, text } = await transport.call({
    method: request.getHttpMethod(),
    path: request.getUrl().slice(STAND_IN.length),
    headers: request.getHeaders(),
    signal: request.getSignal() ?? never(),
    ...(typeof body === "string" ? { body } : {}),
  });
  return new ResponseContext(
    status,
    { ...headers },
    {
      text: async () => text,
      binary: async () => Buffer.from(text),
      stream: () => null,
    },
  );
}
