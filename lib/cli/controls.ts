/** All but tabs and line breaks: what a bot writes shall not steer the terminal of who reads it. */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

export const withoutControls = (text: string): string => text.replace(CONTROLS, '')
