import { Component } from 'preact'
import type { ComponentChild, FunctionComponent } from 'preact'

/** Draws again only if a prop is another one. */
export function memo<P extends object> (draw: (props: P) => ComponentChild): FunctionComponent<P> {
  return class extends Component<P> {
    override shouldComponentUpdate (next: P): boolean {
      const before = this.props as Record<string, unknown>
      return Object.entries(next).some(([name, value]) => before[name] !== value)
    }

    override render (props: P): ComponentChild {
      return draw(props)
    }
  } as unknown as FunctionComponent<P>
}
