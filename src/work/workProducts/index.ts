export { insertWorkProducts } from './insertWorkProducts.ts'
export { createWorkProductBody } from './views.ts'
export { MAX_WORK_PRODUCTS } from './write.ts'
