/** HTTP/1.0 as balancers' probes speak it: no host is named, and the end of the connection ends the answer. */
import { connect } from "node:net";

/** The whole answer, head included. */
export async function askWithoutHost(url: string): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${pathname} HTTP/1.0\r\n\r\n`);
  let answer = "";
  for await (const bytes of socket) answer += String(bytes);
  return answer;
}
