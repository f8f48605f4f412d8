/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * An OpenGL ES program, with no screen: draws, reads back, and knows what has to come out. What it has drawn is
 * written to VTEST_PICTURES, if that is set. Reports as TAP.
 */
#define EGL_EGLEXT_PROTOTYPES
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <stdlib.h>

#include "kit/picture.h"
#include "test.h"

#define SIZE 256

static uint32_t pixels[SIZE * SIZE]; /* as read: red is the lowest byte */

/* --- helpers ------------------------------------------------------------------------------- */

static void start(void)
{
	static const EGLint attributes[] = { EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE,
		EGL_OPENGL_ES3_BIT, EGL_NONE };
	static const EGLint version[] = { EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE };
	EGLConfig config;
	EGLint count;
	EGLDisplay display = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, NULL, NULL);
	CHECK(eglInitialize(display, NULL, NULL));
	CHECK(eglChooseConfig(display, attributes, &config, 1, &count) && count == 1);
	CHECK(eglBindAPI(EGL_OPENGL_ES_API));
	EGLContext context = eglCreateContext(display, config, EGL_NO_CONTEXT, version);
	CHECK(context);
	CHECK(eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context));
}

static void canvas(void)
{
	GLuint framebuffer, colour;
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenRenderbuffers(1, &colour);
	glBindRenderbuffer(GL_RENDERBUFFER, colour);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, SIZE, SIZE);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, colour);
	CHECK_INT(glCheckFramebufferStatus(GL_FRAMEBUFFER), GL_FRAMEBUFFER_COMPLETE);
	glViewport(0, 0, SIZE, SIZE);
	glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
	glPixelStorei(GL_PACK_ROW_LENGTH, 0);
	glClearColor(0, 0, 1, 1);
	glClear(GL_COLOR_BUFFER_BIT);
}

static GLuint shader(GLenum type, const char *text)
{
	GLint done;
	GLuint name = glCreateShader(type);
	glShaderSource(name, 1, &text, NULL);
	glCompileShader(name);
	glGetShaderiv(name, GL_COMPILE_STATUS, &done);
	CHECK(done);
	return name;
}

static void use_program(const char *fragment)
{
	static const char vertex[] =
		"#version 300 es\n"
		"layout(location = 0) in vec2 place;\n"
		"out vec2 at;\n"
		"void main() { gl_Position = vec4(place, 0, 1); at = place * 0.5 + 0.5; }\n";
	GLint done;
	GLuint program = glCreateProgram();
	glAttachShader(program, shader(GL_VERTEX_SHADER, vertex));
	glAttachShader(program, shader(GL_FRAGMENT_SHADER, fragment));
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &done);
	CHECK(done);
	glUseProgram(program);
}

static const char orange[] = "#version 300 es\n"
			     "precision highp float;\n"
			     "out vec4 colour;\n"
			     "void main() { colour = vec4(1, 0.6, 0.2, 1); }\n";
static const char textured[] = "#version 300 es\n"
			       "precision highp float;\n"
			       "uniform sampler2D picture;\n"
			       "in vec2 at;\n"
			       "out vec4 colour;\n"
			       "void main() { colour = texture(picture, at); }\n";

static void vertices(const float *places, size_t count)
{
	GLuint buffer;
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(
		GL_ARRAY_BUFFER, (GLsizeiptr)(count * sizeof(*places)), places, GL_STREAM_DRAW);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
}

static const float everywhere[] = { -1, -1, 1, -1, -1, 1, 1, 1 };

static void read_pixels(void)
{
	glReadPixels(0, 0, SIZE, SIZE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	CHECK_INT(glGetError(), GL_NO_ERROR);
}

static uint32_t rgb(uint32_t pixel)
{
	return (pixel & 0xff) << 16 | (pixel & 0xff00) | (pixel >> 16 & 0xff);
}

static void save(const char *name)
{
	char path[4096];
	const char *folder = getenv("VTEST_PICTURES");
	struct kit_picture *picture = kit_picture_create(SIZE, SIZE);
	CHECK(picture);
	for (uint32_t y = 0; y < SIZE; y++)
		for (uint32_t x = 0; x < SIZE; x++)
			picture->pixels[(SIZE - 1 - y) * SIZE + x] = rgb(pixels[y * SIZE + x]);
	snprintf(path, sizeof(path), "%s/%s.png", folder, name);
	CHECK(!folder || kit_picture_write_png(picture, path) == 0);
	kit_picture_destroy(picture);
}

/* --- cases --------------------------------------------------------------------------------- */

static void who_draws(void)
{
	printf("# %s, %s\n", (const char *)glGetString(GL_RENDERER),
		(const char *)glGetString(GL_VERSION));
	CHECK(strstr((const char *)glGetString(GL_RENDERER), "virgl"));
}

static void triangle(void)
{
	static const float places[] = { -0.5f, -0.5f, 0.5f, -0.5f, 0, 0.5f };
	canvas();
	use_program(orange);
	vertices(places, ARRAY_SIZE(places));
	glDrawArrays(GL_TRIANGLES, 0, 3);
	read_pixels();
	save("triangle");
	uint32_t inside = 0;
	for (uint32_t i = 0; i < SIZE * SIZE; i++) {
		CHECK(rgb(pixels[i]) == 0xff9933 || rgb(pixels[i]) == 0x0000ff);
		inside += rgb(pixels[i]) == 0xff9933;
	}
	CHECK_INT(rgb(pixels[SIZE / 2 * SIZE + SIZE / 2]), 0xff9933);
	CHECK_INT(rgb(pixels[SIZE / 2 * SIZE + SIZE / 8]), 0x0000ff);
	/* an eighth of the canvas, but for its edges */
	CHECK(inside > SIZE * SIZE / 8 - SIZE && inside < SIZE * SIZE / 8 + SIZE);
}

static uint32_t pattern(uint32_t x, uint32_t y)
{
	return (x * 2654435761u ^ y * 40503u ^ x << 16 ^ y << 8) | 0xff000000u;
}

/* Uploads the pattern in so many strips, which begin at odd places, and draws it over everything. */
static void draw_pattern(uint32_t strips)
{
	static uint32_t source[SIZE * SIZE];
	GLuint texture;
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		source[i] = pattern(i % SIZE, i / SIZE);
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 9, GL_RGBA8, SIZE, SIZE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glPixelStorei(GL_UNPACK_ROW_LENGTH, SIZE);
	for (uint32_t i = 0; i < strips; i++) {
		uint32_t from = SIZE * i / strips, to = SIZE * (i + 1) / strips;
		glTexSubImage2D(GL_TEXTURE_2D, 0, (GLint)from, 0, (GLsizei)(to - from), SIZE,
			GL_RGBA, GL_UNSIGNED_BYTE, source + from);
		if (i % 2)
			glFlush();
	}
	canvas();
	use_program(textured);
	vertices(everywhere, ARRAY_SIZE(everywhere));
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

static void check_pattern(void)
{
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		CHECK_INT(rgb(pixels[i]), rgb(pattern(i % SIZE, i / SIZE)));
}

static void texture(void)
{
	draw_pattern(1);
	read_pixels();
	save("texture");
	check_pattern();
}

static void texture_in_strips(void)
{
	draw_pattern(7);
	read_pixels();
	check_pattern();
}

/* What is read lies between what was there: the rest has to stay. */
static void reads_parts(void)
{
	draw_pattern(1);
	memset(pixels, 0, sizeof(pixels));
	glPixelStorei(GL_PACK_ROW_LENGTH, SIZE);
	for (uint32_t x = 0; x < SIZE; x += 64)
		glReadPixels((GLint)x, 0, 64, SIZE, GL_RGBA, GL_UNSIGNED_BYTE, pixels + x);
	check_pattern();
}

static void fill(uint32_t *words, uint32_t count, uint32_t seed)
{
	for (uint32_t i = 0; i < count; i++)
		words[i] = (i + 1) * 2654435761u ^ seed;
}

/* Bytes through buffers, up to 16 MiB: written whole, in pieces and by mapping, copied on the device, read. */
static void buffers(void)
{
	static const uint32_t counts[] = { 1, 3, 1000, 65536, 4u << 20 };
	GLuint names[2];
	glGenBuffers(2, names);
	for (uint32_t i = 0; i < ARRAY_SIZE(counts); i++) {
		uint32_t count = counts[i];
		GLsizeiptr bytes = (GLsizeiptr)count * 4, half = bytes / 8 * 4;
		uint32_t *words = malloc((size_t)bytes);
		CHECK(words);
		fill(words, count, i);
		glBindBuffer(GL_COPY_READ_BUFFER, names[0]);
		glBufferData(GL_COPY_READ_BUFFER, bytes, NULL, GL_DYNAMIC_DRAW);
		glBufferSubData(GL_COPY_READ_BUFFER, 0, half, words);
		uint8_t *at = glMapBufferRange(GL_COPY_READ_BUFFER, half, bytes - half,
			GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_RANGE_BIT);
		CHECK(at);
		memcpy(at, (uint8_t *)words + half, (size_t)(bytes - half));
		CHECK(glUnmapBuffer(GL_COPY_READ_BUFFER));
		glBindBuffer(GL_COPY_WRITE_BUFFER, names[1]);
		glBufferData(GL_COPY_WRITE_BUFFER, bytes, NULL, GL_DYNAMIC_READ);
		glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 0, 0, bytes);
		const void *got = glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, bytes, GL_MAP_READ_BIT);
		CHECK(got);
		CHECK_MEM(got, words, (size_t)bytes);
		CHECK(glUnmapBuffer(GL_COPY_WRITE_BUFFER));
		free(words);
	}
}

/* Results come back through memory that no transfer names. The same query twice: no result is an old one. */
static void queries(void)
{
	GLuint query, any = 7;
	canvas();
	use_program(orange);
	vertices(everywhere, ARRAY_SIZE(everywhere));
	glGenQueries(1, &query);
	for (uint32_t i = 0; i < 20; i++) {
		glBeginQuery(GL_ANY_SAMPLES_PASSED, query);
		if (i % 3 != 1)
			glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
		glEndQuery(GL_ANY_SAMPLES_PASSED);
		glGetQueryObjectuiv(query, GL_QUERY_RESULT, &any);
		CHECK_INT(any, i % 3 != 1);
	}
}

/* Many frames, each of which has to be the next one. */
static void frames(void)
{
	canvas();
	for (uint32_t i = 0; i < 100; i++) {
		glClearColor((float)i / 255.0f, 0, 0, 1);
		glClear(GL_COLOR_BUFFER_BIT);
		GLsync sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
		GLenum done = glClientWaitSync(sync, GL_SYNC_FLUSH_COMMANDS_BIT, 5000000000u);
		CHECK(done == GL_CONDITION_SATISFIED || done == GL_ALREADY_SIGNALED);
		glDeleteSync(sync);
		read_pixels();
		CHECK_INT(rgb(pixels[SIZE * SIZE - 1]), i << 16);
	}
}

/* More resources than a backend takes regions of memory, most of them transferred. */
static void many_textures(void)
{
	enum { COUNT = 1000 };
	static GLuint names[COUNT];
	canvas();
	use_program(textured);
	vertices(everywhere, ARRAY_SIZE(everywhere));
	glGenTextures(COUNT, names);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t colour[16];
		for (uint32_t k = 0; k < 16; k++)
			colour[k] = 0xff000000u | i;
		glBindTexture(GL_TEXTURE_2D, names[i]);
		glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, 4, 4, 0, GL_RGBA, GL_UNSIGNED_BYTE, colour);
		glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	}
	for (uint32_t i = 0; i < COUNT; i += 37) {
		glBindTexture(GL_TEXTURE_2D, names[i]);
		glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
		read_pixels();
		CHECK_INT(pixels[SIZE * SIZE / 2], 0xff000000u | i);
	}
	glDeleteTextures(COUNT, names);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(start),
		TEST_CASE(who_draws),
		TEST_CASE(triangle),
		TEST_CASE(texture),
		TEST_CASE(texture_in_strips),
		TEST_CASE(reads_parts),
		TEST_CASE(buffers),
		TEST_CASE(queries),
		TEST_CASE(frames),
		TEST_CASE(many_textures),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
