/** Server-Sent Events (WHATWG HTML §9.2.6) from text that comes in any pieces. `EventSource` cannot send a credential. */

export interface ServerEvent {
  type: string
  data: string
  /** The last id that was sent, with this event or before it. */
  id: string
}

export class EventParser {
  #rest = ''
  #data: string[] = []
  #type = ''
  #id = ''

  /** The events that are whole with this piece. */
  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = []
    // A CR at the end may be half of a CRLF.
    const text = this.#rest + piece
    const held = text.endsWith('\r') ? text.slice(0, -1) : text
    const lines = held.split(/\r\n|\r|\n/)
    this.#rest = (lines.pop() ?? '') + text.slice(held.length)
    for (const line of lines) {
      if (line !== '') this.#field(line)
      else events.push(...this.#dispatch())
    }
    return events
  }

  #field(line: string): void {
    const colon = line.indexOf(':')
    // A comment.
    if (colon === 0) return
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') this.#data.push(value)
    else if (name === 'event') this.#type = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
  }

  #dispatch(): ServerEvent[] {
    const [data, type] = [this.#data, this.#type]
    this.#data = []
    this.#type = ''
    return data.length === 0 ? [] : [{ type: type || 'message', data: data.join('\n'), id: this.#id }]
  }
}
