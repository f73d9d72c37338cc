/** One request to a cluster's API server, with the trust and the certificate that are its own. */

/** PEM texts; the names are those of Bun's fetch. */
export interface ClusterTls {
  /** Instead of the system's authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly rejectUnauthorized?: false;
}

export interface ClusterRequest {
  readonly method: string;
  readonly headers: Headers;
  readonly body?: string;
  readonly tls: ClusterTls;
  /** Of HTTP; null: the environment's, if it names one. */
  readonly proxy: string | null;
  readonly signal: AbortSignal;
  /** None that earlier requests have left open. */
  readonly newConnection: boolean;
}

/** The answer's body comes as it is sent, however long that takes. A redirection is an error. */
export function fetchCluster(url: string, request: ClusterRequest): Promise<Response> {
  const { method, headers, body, tls, proxy, signal, newConnection } = request;
  return fetch(url, {
    method,
    headers,
    signal,
    redirect: "error",
    // Said, because a variable of the environment would decide otherwise.
    tls: { rejectUnauthorized: true, ...tls },
    // Its own limit ends a quiet watch after minutes.
    timeout: false,
    ...(newConnection ? { keepalive: false } : {}),
    ...(body === undefined ? {} : { body }),
    ...(proxy === null ? {} : { proxy }),
  });
}
