/** The floor of the Docker figures: create, start, wait and remove in a bare loop on the same socket. */

export class DockerLoop {
  private readonly socket: string;
  private readonly body: object;

  /** `body`: of the container, as the worker has it made. */
  constructor(socket: string, body: object) {
    this.socket = socket;
    this.body = body;
  }

  async run(): Promise<void> {
    const { Id } = await this.call("POST", "/containers/create", this.body);
    await this.call("POST", `/containers/${Id}/start`);
    await this.call("POST", `/containers/${Id}/wait`);
    await this.call("DELETE", `/containers/${Id}?v=true&force=true`);
  }

  private async call(method: string, path: string, body?: object): Promise<{ Id: string }> {
    const response = await fetch(`http://docker/v1.41${path}`, {
      method,
      unix: this.socket,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? { Id: "" } : JSON.parse(text);
  }
}
