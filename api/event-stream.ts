/** One answer of Server-Sent Events (WHATWG HTML §9.2): what was sent, how much of it was taken, and its end. */

export interface EventStreamOptions {
  /** Ends the connection, whatever is still under way. */
  cut: () => void
  /** Told once, however it ends. */
  onOver: () => void
}

export class EventStream {
  readonly body: ReadableStream<Uint8Array>
  readonly #cut: () => void
  readonly #onOver: () => void
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  #sentBytes = 0
  /** Of the beat before; none yet. */
  #takenAtBeat = -1
  /** The connection has taken all that was sent, and wants more. */
  #asked = false
  #over = false
  #waiting: PromiseWithResolvers<boolean> | null = null

  constructor({ cut, onOver }: EventStreamOptions) {
    this.#cut = cut
    this.#onOver = onOver
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => {
          this.#asked = true
          this.#answer(true)
        },
        cancel: () => this.#finish(),
      },
      // Nothing is wanted ahead of who reads, so that `pull` means: all of it was taken.
      new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
    )
  }

  /** Bytes that the connection has not taken yet; what it has taken may still be on its way. */
  get unreadBytes(): number {
    return -(this.#controller?.desiredSize ?? 0)
  }

  send(bytes: Uint8Array): void {
    if (this.#over) return
    this.#asked = false
    this.#sentBytes += bytes.byteLength
    this.#controller?.enqueue(bytes)
  }

  /** True as soon as all that was sent is taken; false when it is over. One may wait at a time. */
  async taken(): Promise<boolean> {
    if (this.#over) return false
    if (this.#asked) return true
    this.#waiting = Promise.withResolvers()
    return this.#waiting.promise
  }

  /** Sends the heartbeat to who has read everything; cuts who took nothing from one beat to the next. */
  beat(heartbeat: Uint8Array): void {
    const taken = this.#sentBytes - this.unreadBytes
    if (this.unreadBytes === 0) this.send(heartbeat)
    else if (taken === this.#takenAtBeat) this.end()
    this.#takenAtBeat = taken
  }

  /** Ends the answer; cuts the connection of who is not waiting for more, since it may never read the end. */
  end(): void {
    if (this.#over) return
    if (!this.#asked) this.#cut()
    this.#controller?.close()
    this.#finish()
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#answer(false)
    this.#onOver()
  }

  #answer(more: boolean): void {
    this.#waiting?.resolve(more)
    this.#waiting = null
  }
}
