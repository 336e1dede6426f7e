import { readEnvironment } from '../config/environment.ts'
import { fail } from './fail.ts'
import { serve } from './serve.ts'

serve({ env: readEnvironment(), print: console.log, signals: process }).catch(fail)
