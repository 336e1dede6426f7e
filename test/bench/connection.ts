import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface Reply { status: number, body: Buffer }

const NOTHING = Buffer.alloc(0)

/**
 * One kept-alive connection, one exchange at a time. It knows just the HTTP that Fastify speaks to it, so that the
 * load costs little beside the server it drives.
 */
export class Connection {
  readonly #socket: Socket
  #received: Buffer = NOTHING
  #needed = 0
  #bodyAt = 0
  #waiting: { resolve: (reply: Reply) => void, reject: (error: Error) => void } | undefined

  private constructor (socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#take(chunk))
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')))
    socket.on('error', error => this.#waiting?.reject(error))
  }

  static open (port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Connection(socket))
      })
    })
  }

  exchange (request: Buffer): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(request)
    })
  }

  close (): void {
    this.#socket.destroy()
  }

  #take (chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    if (this.#needed === 0 && !this.#readHead()) return
    if (this.#received.length < this.#needed) return
    const reply = { status: Number(this.#received.toString('latin1', 9, 12)), body: this.#received.subarray(this.#bodyAt, this.#needed) }
    const waiting = this.#waiting
    this.#received = NOTHING
    this.#needed = 0
    this.#waiting = undefined
    waiting?.resolve(reply)
  }

  #readHead (): boolean {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end === -1) return false
    const [, length] = /\r\ncontent-length: (\d+)/i.exec(this.#received.toString('latin1', 0, end)) ?? []
    if (length === undefined) throw new Error('a reply without Content-Length')
    this.#bodyAt = end + 4
    this.#needed = this.#bodyAt + Number(length)
    return true
  }
}
