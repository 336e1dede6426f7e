// Braille's blank is the one invisible character that Unicode counts among the symbols.
const VISIBLE = /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u

/** WeCom leaves its thinking animation only for something that can be seen. */
export const isVisible = (text: string): boolean => VISIBLE.test(text)
