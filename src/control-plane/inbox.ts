/** Holds what the control plane sent before the worker was ready to read it; afterwards hands on at once. */
export class Inbox {
  private readonly waiting: string[] = [];
  private reader: ((text: string) => void) | null = null;

  take(text: string): void {
    if (this.reader === null) this.waiting.push(text);
    else this.reader(text);
  }

  open(reader: (text: string) => void): void {
    this.reader = reader;
    for (const text of this.waiting.splice(0)) reader(text);
  }
}
