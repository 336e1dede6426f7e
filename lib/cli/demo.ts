import { readEnvironment } from '../config/environment.ts'
import { fail } from './fail.ts'
import { showOneLife } from './one-life.ts'

showOneLife(readEnvironment(), console.log).then(well => { process.exitCode = well ? 0 : 1 }).catch(fail)
