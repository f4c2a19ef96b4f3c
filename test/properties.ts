/**
 * fast-check as this project's tests use it: the same cases at every run, so that one commit gives one answer;
 * `./hack/test --long` (HC_TEST_LONG=1) draws new ones each time and prints the seed of what fails. Never holds an
 * arbitrary of one subject.
 */
import fc from 'fast-check'

if (process.env.HC_TEST_LONG !== '1') fc.configureGlobal({ seed: 20_261_122 })

export default fc
