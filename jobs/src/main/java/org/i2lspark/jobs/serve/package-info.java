/** What of an output is in force: aliases of styles, their published copies, how far brands moved. */
package org.i2lspark.jobs.serve;
